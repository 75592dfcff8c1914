import type { RunEvent } from '../predict/events.js';
import type { CommandEvent } from './command-events.js';

/**
 * The version of the events that `--log-format json` writes. It grows when an event or a field goes or changes its
 * meaning; what is added leaves it as it is.
 */
export const EVENT_SCHEMA_VERSION = 1;

/** What a field holds. `null` stands where a value is not known. */
export interface FieldMeaning {
  /** In JSON; `counts` and `seconds` are objects of numbers by name. */
  readonly type: 'string' | 'number' | 'boolean' | 'strings' | 'object' | 'objects';
  readonly meaning: string;
  /** Empty where it has none. */
  readonly unit?: string;
  readonly nullable?: true;
  /** Left out where there is none. */
  readonly optional?: true;
  /** Of an object, or of each of several. */
  readonly fields?: Readonly<Record<string, FieldMeaning>>;
}

/** What stands in the line besides `event`; the level of a worker's message is the line's own. */
type FieldsOf<E> = Exclude<keyof E, 'event' | (E extends { event: 'worker-message' } ? 'level' : never)>;

export type EventSchema = {
  readonly [E in RunEvent | CommandEvent as E['event']]: {
    readonly meaning: string;
    readonly fields: { readonly [F in FieldsOf<E>]: FieldMeaning };
  };
};

const DEVICE: FieldMeaning = {
  type: 'string',
  meaning: 'id of the worker, such as `cuda:0`, `cpu` or `cpu:1`; with `triage:` before it for one of triage',
};
const SIGNAL: FieldMeaning = { type: 'string', meaning: 'the signal, such as `SIGINT`' };
const CODE: FieldMeaning = { type: 'string', meaning: 'what kind of error it was, such as `VNP_MEMORY`' };
const REASON: FieldMeaning = { type: 'string', meaning: 'what happened, in words' };
const BATCH_FRAMES: FieldMeaning = { type: 'number', meaning: 'reading frames in the batch', unit: 'frames' };
const BUSY: FieldMeaning = { type: 'number', meaning: 'time in which it computed', unit: 'seconds' };
const TOKENS: FieldMeaning = { type: 'number', meaning: 'tokens of both models together', unit: 'tokens' };
const FRAMES: FieldMeaning = { type: 'number', meaning: 'reading frames that it is through with', unit: 'frames' };
const TEXT: FieldMeaning = { type: 'string', meaning: 'the message' };
const MODEL: FieldMeaning = { type: 'string', meaning: 'name of the model' };

const CARD: FieldMeaning = {
  type: 'string',
  meaning: 'path of its card, which says what it can do; null without one',
  nullable: true,
};

const bytes = (meaning: string): FieldMeaning => ({ type: 'number', meaning, unit: 'bytes' });
const count = (meaning: string, unit: string): FieldMeaning => ({ type: 'number', meaning, unit });
const unknownable = (field: FieldMeaning): FieldMeaning => ({ ...field, nullable: true });

export const EVENT_SCHEMA: EventSchema = {
  grant: {
    meaning: 'This process may use a part of its machine only, by a cgroup, its CPU affinity or another limit.',
    fields: {
      cores: count('that it may use', 'cores'),
      machineCores: count('of the machine', 'cores'),
      memory: bytes('that it may use'),
      machineMemory: bytes('of the machine'),
      text: { type: 'string', meaning: 'the same in words, with what sets the limits' },
    },
  },
  'device-left-out': {
    meaning: 'A GPU that is there is not used, though nobody asked for it to be left out.',
    fields: {
      device: { ...DEVICE, meaning: 'id of the device' },
      name: { type: 'string', meaning: 'name of the device' },
      reason: REASON,
    },
  },
  precision: {
    meaning:
      'All devices of a run compute in one precision, and by itself that is FP32, though a device of it, or another choice, ' +
      'would be faster.',
    fields: {
      precision: { type: 'string', meaning: '`fp32`' },
      without: {
        type: 'objects',
        meaning: 'the devices that compute no BF16 natively',
        fields: {
          device: { ...DEVICE, meaning: 'id of the device' },
          name: { type: 'string', meaning: 'name of the device' },
          capability: { type: 'string', meaning: 'compute capability; empty for the CPU' },
        },
      },
      able: { type: 'strings', meaning: 'ids of the devices that do' },
      fp16: { type: 'strings', meaning: 'ids of those whose tensor cores compute FP16 only' },
    },
  },
  'libtorch-left-out': {
    meaning: 'A libtorch that was come upon first cannot be used; another one is.',
    fields: {
      place: { type: 'string', meaning: 'its folder, or the program that was asked for it' },
      reason: { type: 'string', meaning: 'what is wrong with it, in words' },
      used: { type: 'string', meaning: 'folder of the one that is used' },
    },
  },
  'shipped-model': {
    meaning: 'No model was named and none is installed: the small one that came with this program is used.',
    fields: { model: MODEL, card: CARD },
  },
  loading: {
    meaning: 'The devices are chosen, and the model begins to be loaded on them.',
    fields: {
      model: MODEL,
      chunkSize: count('length of a window', 'bases'),
      workers: { type: 'strings', meaning: 'ids of the workers' },
    },
  },
  triage: {
    meaning: 'A second model is loaded to read every window first, and decides those that it is sure of.',
    fields: {
      model: MODEL,
      othersBelow: count('it is sure of windows with a calibrated virus score below this', '0 to 1'),
      virusAtLeast: count('and of those with at least this one', '0 to 1'),
    },
  },
  checking: {
    meaning:
      'The files of the model are compared with their hashes before they are loaded: once, until they change; ' +
      'below 1 GiB at level `debug`, small ones without a word.',
    fields: { model: MODEL, bytes: bytes('to read') },
  },
  'loading-progress': {
    meaning:
      'How far the loading of a device is, at most once for every fifth of the weights; below 1 GiB at level `debug`.',
    fields: { device: DEVICE, bytesDone: bytes('weights read so far'), bytesTotal: bytes('all weights') },
  },
  device: {
    meaning: 'A worker is ready: what its device is, and how it will compute.',
    fields: {
      device: DEVICE,
      name: { type: 'string', meaning: 'name of the device' },
      capability: { type: 'string', meaning: 'compute capability, such as `9.0`; empty for the CPU' },
      driver: { type: 'string', meaning: 'version of the driver; empty for the CPU' },
      pciAddress: { type: 'string', meaning: 'address on the PCI bus; empty for the CPU' },
      mig: { type: 'boolean', meaning: 'whether it is a MIG instance, a part of a GPU' },
      processes: count('other processes that computed on it when it was chosen', 'processes'),
      memoryTotal: bytes('memory of the device'),
      memoryFree: unknownable(bytes('memory that was free when it was chosen')),
      precision: { type: 'string', meaning: 'in what it computes: `fp32`, `bf16` or `fp16`' },
      threads: count('threads for the matrix work of a CPU, or host threads of a GPU', 'threads'),
      weightBytes: bytes('memory that the weights take'),
      batchTokens: {
        type: 'object',
        meaning: 'the most tokens in a batch',
        fields: { esm: count('of ESM-2', 'tokens'), dnabert: count('of DNABERT-S', 'tokens') },
      },
    },
  },
  progress: {
    meaning: 'How far the run is: every `--progress-interval` seconds.',
    fields: {
      seconds: count('since the run began', 'seconds'),
      bytesRead: bytes('read from the inputs'),
      bytesTotal: unknownable(bytes('size of all inputs; null when one has none, such as standard input')),
      fraction: unknownable(
        count('fraction of the run that is done, with what is done of the batches that run; never goes back', '0 to 1'),
      ),
      secondsLeft: unknownable(count('time to the end, at the speed so far', 'seconds')),
      lettersComputed: count('letters of the input that are computed, counted in the same way', 'bases'),
      records: count('records read', 'records'),
      windows: count('windows whose results are final', 'windows'),
      frames: count('reading frames that the devices are through with', 'frames'),
      framesSpared: count('of these, in windows that triage has decided', 'frames'),
      framesFailed: count('of `frames`, without a score because something failed', 'frames'),
      framesPerSecond: count('since the run began, with what is done of the batches that run', 'frames a second'),
      tokensPerSecond: count('of both models, counted in the same way', 'tokens a second'),
      devices: {
        type: 'objects',
        meaning: 'what every worker does',
        fields: {
          device: DEVICE,
          stage: { type: 'string', meaning: '`idle`, `dna` (DNABERT-S) or `protein` (ESM-2)' },
          fraction: unknownable(
            count("share of the run's reading frames that it has computed, with what is done of its batch", '0 to 1'),
          ),
          batchFraction: count('fraction of the batch that runs that is done; 0 without one', '0 to 1'),
          layersDone: count(
            'layers of both models that are done of that batch; a CPU goes through them for every piece of it',
            'layers',
          ),
          layers: count('all layers of that batch; 0 without one', 'layers'),
          frames: FRAMES,
          tokens: TOKENS,
          busySeconds: { ...BUSY, meaning: `${BUSY.meaning}, with that of the batch that runs` },
          utilisation: unknownable(
            count('fraction of time in which the device had work, as the driver measures it', '0 to 1'),
          ),
          temperature: unknownable(count('temperature of the device', 'degrees Celsius')),
        },
      },
    },
  },
  memory: {
    meaning: 'Memory of a worker: every `--progress-interval` seconds, and at the end of the run.',
    fields: {
      device: DEVICE,
      allocated: bytes("taken by the worker's tensors; for the CPU, resident memory of the whole process"),
      reserved: bytes('allocated, or kept for the next batch'),
      peak: bytes('the most that was reserved so far'),
      free: bytes('free on the device, whoever uses the rest'),
      total: bytes('memory of the device'),
    },
  },
  'memory-pressure': {
    meaning: 'A device has little memory left: once, and again after it was better for a while.',
    fields: { device: DEVICE, used: bytes('in use, by whomever'), total: bytes('memory of the device') },
  },
  continued: {
    meaning: 'The run goes on from the journal of an earlier one: what is in it is not computed again.',
    fields: {
      journal: { type: 'string', meaning: 'path of the journal' },
      batches: count('batches in it', 'batches'),
      frames: count('reading frames whose scores are in it', 'frames'),
      framesTriaged: count('reading frames that triage has read, apart from these', 'frames'),
      damagedBytes: bytes('what is damaged in it: what that told is computed again'),
      isOfSameDevices: {
        type: 'boolean',
        meaning: 'whether it was begun on the devices of this run; on others the last digits of scores may differ',
      },
    },
  },
  failure: {
    meaning: 'Frames that stay without a score.',
    fields: {
      part: { type: 'string', meaning: 'what failed: `dna`, `protein`, `classifier` or `batch` (before any of them)' },
      code: CODE,
      reason: REASON,
      frames: count('frames without a score because of it', 'frames'),
      sources: { type: 'strings', meaning: 'inputs that they come from' },
    },
  },
  'triage-failure': {
    meaning: 'Frames that triage could not score: their windows go to the model of the run, and no result is missing.',
    fields: {
      part: { type: 'string', meaning: 'what failed: `dna`, `protein`, `classifier` or `batch` (before any of them)' },
      code: CODE,
      reason: REASON,
      frames: count('frames that triage could not score because of it', 'frames'),
      sources: { type: 'strings', meaning: 'inputs that they come from' },
    },
  },
  'batch-split': {
    meaning: 'A batch failed and is tried again in two halves.',
    fields: { device: DEVICE, frames: BATCH_FRAMES, code: CODE, reason: REASON },
  },
  'batch-retried': {
    meaning: 'A batch failed and is tried once on another device.',
    fields: {
      device: { ...DEVICE, meaning: 'id of the worker on which it failed' },
      frames: BATCH_FRAMES,
      code: CODE,
      reason: REASON,
    },
  },
  'device-lost': {
    meaning: 'A device stopped answering, or only fails; its work goes to the others.',
    fields: { device: DEVICE, reason: REASON, left: { type: 'strings', meaning: 'ids of the workers that go on' } },
  },
  'worker-message': {
    meaning:
      'What a worker has to say on its own account, such as a warning of libtorch; at the level that it has there.',
    fields: { device: DEVICE, text: TEXT },
  },
  'random-weights': {
    meaning: 'The model has random weights, so that its scores mean nothing.',
    fields: { model: MODEL },
  },
  waiting: {
    meaning:
      "What the command waits for before the run: that another machine's run, which may still write to the directory, " +
      'shows no life for 35 seconds; or, where SIGUSR2 asks, that the model is loaded.',
    fields: { reason: REASON },
  },
  resumable: {
    meaning: 'The run is over but not complete: `--resume` goes on with it.',
    fields: { output: { type: 'string', meaning: 'the output directory as it was given' } },
  },
  'complete-already': {
    meaning: 'The directory holds the complete results of this very command: `--resume` has nothing to do.',
    fields: { output: { type: 'string', meaning: 'the output directory as it was given' } },
  },
  stopping: { meaning: 'The first signal to stop came: what runs is finished.', fields: { signal: SIGNAL } },
  completing: {
    meaning: 'A signal to stop came when all results were there: they are written first.',
    fields: { signal: SIGNAL },
  },
  interrupted: {
    meaning: 'The run ended because of a signal.',
    fields: {
      signal: SIGNAL,
      output: unknownable({ type: 'string', meaning: 'where the finished results are, as given; null without any' }),
    },
  },
  aborted: {
    meaning: 'The run ended early because something failed for good; what was finished is kept.',
    fields: { code: CODE, reason: REASON },
  },
  limit: {
    meaning: 'The limit of the devices could not be measured; the results do not depend on it.',
    fields: { code: { ...CODE, optional: true }, reason: REASON },
  },
  warning: {
    meaning: 'Something about the inputs or the results that their reader should know.',
    fields: { text: TEXT },
  },
  paused: { meaning: 'The run pauses: what the devices have is finished, then they wait.', fields: {} },
  resumed: { meaning: 'The run goes on.', fields: {} },
  'device-summary': {
    meaning: 'What a worker did in the whole run.',
    fields: {
      device: DEVICE,
      batches: count('batches that it computed', 'batches'),
      frames: FRAMES,
      tokens: TOKENS,
      busySeconds: BUSY,
      tokensPerSecond: count('of the time in which it computed', 'tokens a second'),
      matmulEfficiency: unknownable(
        count('time that the matrix products alone would have taken, as a fraction of the time it computed', '0 to 1'),
      ),
      isLost: { type: 'boolean', meaning: 'whether it was taken out of the run' },
    },
  },
  finished: {
    meaning: 'The results are written.',
    fields: {
      counts: { type: 'object', meaning: 'records, windows and frames by what came of them, as in `run.json`' },
      seconds: {
        type: 'object',
        meaning: 'time by stage, as in `run.json`; `total` is the whole command',
        unit: 'seconds',
      },
      model: { ...MODEL, meaning: 'name of the model that the results are of' },
      card: CARD,
      output: { type: 'string', meaning: 'the output directory as it was given' },
    },
  },
  failed: { meaning: 'The command failed.', fields: { code: CODE, reason: REASON } },
};
