import type { RunEvent } from '../predict/events.js';
import type { CommandEvent } from './command-events.js';

/**
 * The version of the events that `--log-format json` writes, increased when an event or a field is removed or changes
 * its meaning, not when one is added.
 */
export const EVENT_SCHEMA_VERSION = 1;

/** What a field contains. `null` is an unknown value. */
export interface FieldMeaning {
  /** JSON type; `counts` and `seconds` are objects of numbers by name. */
  readonly type: 'string' | 'number' | 'boolean' | 'strings' | 'object' | 'objects';
  readonly meaning: string;
  /** Missing if it has none. */
  readonly unit?: string;
  readonly nullable?: true;
  /** Missing if there is no value. */
  readonly optional?: true;
  /** Fields of an object, or of each of several. */
  readonly fields?: Readonly<Record<string, FieldMeaning>>;
}

/** The fields of a line besides `event`. The level of a worker's message is left out: the line itself has it. */
type FieldsOf<E> = Exclude<keyof E, 'event' | (E extends { event: 'worker-message' } ? 'level' : never)>;

/** Describes the fields of each object, too, if the value is an array of objects. */
type MeaningOf<Value> = Value extends readonly (infer Item extends object)[]
  ? FieldMeaning & { readonly fields: Readonly<Record<keyof Item, FieldMeaning>> }
  : FieldMeaning;

export type EventSchema = {
  readonly [E in RunEvent | CommandEvent as E['event']]: {
    readonly meaning: string;
    readonly fields: { readonly [F in FieldsOf<E>]: MeaningOf<E[F]> };
  };
};

const DEVICE: FieldMeaning = {
  type: 'string',
  meaning: 'id of the worker, such as `cuda:0`, `cpu` or `cpu:1`; workers of triage have the prefix `triage:`',
};
const SIGNAL: FieldMeaning = { type: 'string', meaning: 'the signal, such as `SIGINT`' };
const CODE: FieldMeaning = { type: 'string', meaning: 'error code, such as `VNP_MEMORY`' };
const REASON: FieldMeaning = { type: 'string', meaning: 'what happened, as text' };
const BATCH_FRAMES: FieldMeaning = { type: 'number', meaning: 'number of ORFs in the batch', unit: 'ORFs' };
const BUSY: FieldMeaning = { type: 'number', meaning: 'time spent computing', unit: 'seconds' };
const TOKENS: FieldMeaning = { type: 'number', meaning: 'tokens of both models', unit: 'tokens' };
const FRAMES: FieldMeaning = { type: 'number', meaning: 'number of ORFs that it is done with', unit: 'ORFs' };
const TEXT: FieldMeaning = { type: 'string', meaning: 'the message' };
const MODEL: FieldMeaning = { type: 'string', meaning: 'name of the model' };

const CARD: FieldMeaning = {
  type: 'string',
  meaning: 'path of the model card; null if there is none',
  nullable: true,
};

const bytes = (meaning: string): FieldMeaning => ({ type: 'number', meaning, unit: 'bytes' });
const count = (meaning: string, unit: string): FieldMeaning => ({ type: 'number', meaning, unit });
const unknownable = (field: FieldMeaning): FieldMeaning => ({ ...field, nullable: true });

export const EVENT_SCHEMA: EventSchema = {
  grant: {
    meaning: 'A cgroup, the CPU affinity or another limit grants this process only a part of the machine.',
    fields: {
      cores: count('cores it may use', 'cores'),
      machineCores: count('cores of the machine', 'cores'),
      memory: bytes('memory it may use'),
      machineMemory: bytes('memory of the machine'),
      text: { type: 'string', meaning: 'the same as text, and what sets the limits' },
    },
  },
  'device-left-out': {
    meaning: 'A GPU is not used, although nobody excluded it.',
    fields: {
      device: { ...DEVICE, meaning: 'id of the device' },
      name: { type: 'string', meaning: 'name of the device' },
      reason: REASON,
    },
  },
  precision: {
    meaning:
      'The run computes in FP32, although some of its devices, or another choice of precision, would be faster. All ' +
      'devices of a run compute in one precision.',
    fields: {
      precision: { type: 'string', meaning: '`fp32`' },
      without: {
        type: 'objects',
        meaning: 'devices without native BF16',
        fields: {
          device: { ...DEVICE, meaning: 'id of the device' },
          name: { type: 'string', meaning: 'name of the device' },
          capability: { type: 'string', meaning: 'compute capability; empty for the CPU' },
        },
      },
      able: { type: 'strings', meaning: 'ids of the devices with native BF16' },
      fp16: { type: 'strings', meaning: 'ids of the devices whose tensor cores compute only FP16' },
    },
  },
  'libtorch-left-out': {
    meaning: 'The first libtorch found cannot be used, so another one is.',
    fields: {
      place: { type: 'string', meaning: 'its folder, or the program that was asked for one' },
      reason: { type: 'string', meaning: 'what is wrong with it, as text' },
      used: { type: 'string', meaning: 'folder of the libtorch in use' },
    },
  },
  'shipped-model': {
    meaning: 'No model was named and none is installed, so the small one that came with this program is used.',
    fields: { model: MODEL, card: CARD },
  },
  loading: {
    meaning: 'The devices are chosen, and loading the model on them begins.',
    fields: {
      model: MODEL,
      chunkSize: unknownable(
        count('chunk size of the model: the length of a window; null if only embeddings are made', 'bases'),
      ),
      workers: { type: 'strings', meaning: 'ids of the workers' },
    },
  },
  triage: {
    meaning: 'A second model is loaded for triage: it reads every window first and decides those it is sure of.',
    fields: {
      model: MODEL,
      othersBelow: count('it is sure of windows with a calibrated virus score below this', '0 to 1'),
      virusAtLeast: count('and of windows with at least this one', '0 to 1'),
    },
  },
  checking: {
    meaning:
      'The files of the model are compared with their hashes before they are loaded: only once, unless they change. Below 1 GiB ' +
      'the level is `debug`; small files are not reported.',
    fields: { model: MODEL, bytes: bytes('bytes to read') },
  },
  'loading-progress': {
    meaning:
      'Progress of loading on a device, at most once for every fifth of the weights; below 1 GiB the level is `debug`.',
    fields: { device: DEVICE, bytesDone: bytes('weights read so far'), bytesTotal: bytes('all weights') },
  },
  device: {
    meaning: 'A worker is ready: describes its device and how it will compute.',
    fields: {
      device: DEVICE,
      name: { type: 'string', meaning: 'name of the device' },
      capability: { type: 'string', meaning: 'compute capability, such as `9.0`; empty for the CPU' },
      driver: { type: 'string', meaning: 'version of the driver; empty for the CPU' },
      pciAddress: { type: 'string', meaning: 'address on the PCI bus; empty for the CPU' },
      mig: { type: 'boolean', meaning: 'whether it is a MIG instance (a part of a GPU)' },
      processes: count('other processes computing on it when it was chosen', 'processes'),
      memoryTotal: bytes('memory of the device'),
      memoryFree: unknownable(bytes('memory free when it was chosen')),
      precision: { type: 'string', meaning: 'precision of its computation: `fp32`, `bf16` or `fp16`' },
      threads: count('threads for the matrix products of a CPU, or host threads of a GPU', 'threads'),
      weightBytes: bytes('memory of the weights'),
      batchTokens: {
        type: 'object',
        meaning: 'maximum tokens in a batch; 0 for a language model that is not loaded',
        fields: { dna: count('for DNABERT-S', 'tokens'), protein: count('for ESM-2', 'tokens') },
      },
    },
  },
  progress: {
    meaning: 'Progress of the run, every `--progress-interval` seconds.',
    fields: {
      seconds: count('time since the run began', 'seconds'),
      bytesRead: bytes('bytes read from the inputs'),
      bytesTotal: unknownable(bytes('size of all inputs; null if one has no known size, such as standard input')),
      fraction: unknownable(
        count('fraction of the run that is done, including parts of running batches; never decreases', '0 to 1'),
      ),
      secondsLeft: unknownable(count('time to the end at the speed so far', 'seconds')),
      lettersComputed: count('letters of the input that are done, counted in the same way', 'bases'),
      records: count('records read', 'records'),
      windows: count('windows with final results', 'windows'),
      frames: count('number of ORFs that the devices are done with', 'ORFs'),
      framesSpared: count('those of `frames` in windows that triage decided', 'ORFs'),
      framesFailed: count('those of `frames` without a score because of a failure', 'ORFs'),
      framesPerSecond: count('average since the run began, including parts of running batches', 'ORFs a second'),
      tokensPerSecond: count('tokens of both models, counted in the same way', 'tokens a second'),
      devices: {
        type: 'objects',
        meaning: 'what every worker is doing',
        fields: {
          device: DEVICE,
          stage: { type: 'string', meaning: '`idle`, `dna` (DNABERT-S) or `protein` (ESM-2)' },
          fraction: unknownable(
            count("fraction of the run's ORFs that it has computed, including the running batch", '0 to 1'),
          ),
          batchFraction: count('fraction of the running batch that is done; 0 if there is none', '0 to 1'),
          layersDone: count(
            'layers of both models done for that batch; a CPU counts them for every piece of it',
            'layers',
          ),
          layers: count('all layers of that batch; 0 if there is none', 'layers'),
          frames: FRAMES,
          tokens: TOKENS,
          busySeconds: { ...BUSY, meaning: `${BUSY.meaning}, including the running batch` },
          utilisation: unknownable(
            count('fraction of the time in which the device was busy, according to the driver', '0 to 1'),
          ),
          temperature: unknownable(count('temperature of the device', 'degrees Celsius')),
        },
      },
    },
  },
  memory: {
    meaning: 'Memory of a worker, every `--progress-interval` seconds and at the end of the run.',
    fields: {
      device: DEVICE,
      allocated: bytes("memory of the worker's tensors; on the CPU, resident memory of the whole process"),
      reserved: bytes('memory allocated or kept for the next batch'),
      peak: bytes('maximum of reserved memory so far'),
      free: bytes('free memory of the device, whatever uses the rest'),
      total: bytes('memory of the device'),
    },
  },
  'memory-pressure': {
    meaning: 'A device has little memory left. Reported once, and again after a recovery.',
    fields: { device: DEVICE, used: bytes('memory in use by all programs'), total: bytes('memory of the device') },
  },
  continued: {
    meaning: 'The run resumes from the journal of an earlier one: what is in it is not computed again.',
    fields: {
      journal: { type: 'string', meaning: 'path of the journal' },
      batches: count('batches in it', 'batches'),
      frames: count('number of ORFs whose scores are in it', 'ORFs'),
      framesTriaged: count('number of further ORFs that triage has read', 'ORFs'),
      damagedBytes: bytes('damaged bytes in it; what they held is computed again'),
      isOfSameDevices: {
        type: 'boolean',
        meaning: 'whether it was begun on the same devices; otherwise the last digits of scores may differ',
      },
    },
  },
  failure: {
    meaning: 'ORFs that have no score.',
    fields: {
      part: { type: 'string', meaning: 'what failed: `dna`, `protein`, `classifier` or `batch` (before any of them)' },
      code: CODE,
      reason: REASON,
      frames: count('number of ORFs without a score because of it', 'ORFs'),
      sources: { type: 'strings', meaning: 'the inputs they come from' },
    },
  },
  'triage-failure': {
    meaning: 'ORFs that triage could not score. Their windows go to the model of the run, so no result is missing.',
    fields: {
      part: { type: 'string', meaning: 'what failed: `dna`, `protein`, `classifier` or `batch` (before any of them)' },
      code: CODE,
      reason: REASON,
      frames: count('number of ORFs that triage could not score because of it', 'ORFs'),
      sources: { type: 'strings', meaning: 'the inputs they come from' },
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
    meaning: 'A device stopped answering or keeps failing; the others take over its work.',
    fields: { device: DEVICE, reason: REASON, left: { type: 'strings', meaning: 'ids of the remaining workers' } },
  },
  'worker-message': {
    meaning: 'A message of the worker itself, such as a warning of libtorch, at its original level.',
    fields: { device: DEVICE, text: TEXT },
  },
  'random-weights': {
    meaning: 'The model has random weights, so its scores are meaningless.',
    fields: { model: MODEL },
  },
  waiting: {
    meaning:
      'The command waits before the run: until a run on another machine, which may still write to the directory, has ' +
      'shown no sign of life for 35 seconds; or, in answer to SIGUSR2, until the model is loaded.',
    fields: { reason: REASON },
  },
  resumable: {
    meaning: 'The run has ended but is not complete: `--resume` continues it.',
    fields: { output: { type: 'string', meaning: 'the output directory as given' } },
  },
  'complete-already': {
    meaning: 'The directory holds the complete results of this command: `--resume` has nothing to do.',
    fields: { output: { type: 'string', meaning: 'the output directory as given' } },
  },
  stopping: { meaning: 'The first signal to stop arrived. Running batches are finished.', fields: { signal: SIGNAL } },
  completing: {
    meaning: 'A signal to stop arrived when all results were complete. They are written first.',
    fields: { signal: SIGNAL },
  },
  interrupted: {
    meaning: 'The run ended because of a signal.',
    fields: {
      signal: SIGNAL,
      output: unknownable({
        type: 'string',
        meaning: 'directory of the finished results, as given; null if there are none',
      }),
    },
  },
  aborted: {
    meaning: 'The run ended early because something failed for good. What was finished is kept.',
    fields: { code: CODE, reason: REASON },
  },
  limit: {
    meaning: 'The speed limit of the devices could not be measured. The results do not depend on it.',
    fields: { code: { ...CODE, optional: true }, reason: REASON },
  },
  warning: {
    meaning: 'Something to know about the inputs or the results.',
    fields: { text: TEXT },
  },
  paused: { meaning: 'The run pauses: the devices finish their batches, then wait.', fields: {} },
  resumed: { meaning: 'The run continues.', fields: {} },
  'device-summary': {
    meaning: 'What a worker did during the whole run.',
    fields: {
      device: DEVICE,
      batches: count('batches it computed', 'batches'),
      frames: FRAMES,
      tokens: TOKENS,
      busySeconds: BUSY,
      tokensPerSecond: count('speed while computing', 'tokens a second'),
      matmulEfficiency: unknownable(
        count('time that the matrix products alone would take, as a fraction of the time spent computing', '0 to 1'),
      ),
      isLost: { type: 'boolean', meaning: 'whether it was lost during the run' },
    },
  },
  finished: {
    meaning: 'The results are written.',
    fields: {
      counts: { type: 'object', meaning: 'records, windows and frames by outcome, as in `run.json`' },
      seconds: {
        type: 'object',
        meaning: 'time by stage, as in `run.json`; `total` is the whole command',
        unit: 'seconds',
      },
      model: { ...MODEL, meaning: 'name of the model that made the results' },
      card: CARD,
      output: { type: 'string', meaning: 'the output directory as given' },
    },
  },
  'embeddings-resumed': {
    meaning: 'A run of `embed` resumes from the journal of an earlier one: what is in it is not computed again.',
    fields: {
      journal: { type: 'string', meaning: 'path of the journal' },
      batches: count('batches in it', 'batches'),
      sequences: count('sequences in it; of long sequences, their windows', 'sequences'),
      damagedBytes: bytes('damaged bytes in it; what they held is computed again'),
      isOfSameDevices: {
        type: 'boolean',
        meaning: 'whether it was begun on the same devices; otherwise the last digits may differ',
      },
    },
  },
  'embedding-progress': {
    meaning: 'Progress of `embed`, every `--progress-interval` seconds.',
    fields: {
      seconds: count('time since the run began', 'seconds'),
      bytesRead: bytes('bytes read from the inputs'),
      bytesTotal: unknownable(bytes('size of all inputs; null if one has no known size, such as standard input')),
      fraction: unknownable(count('fraction of the run that is done; never decreases', '0 to 1')),
      secondsLeft: unknownable(count('time to the end at the speed so far', 'seconds')),
      records: count('records that are done, with or without an embedding', 'records'),
      recordsFailed: count('those without', 'records'),
      sequencesPerSecond: count(
        'average since the run began; a long sequence counts once for each window',
        'sequences a second',
      ),
      tokensPerSecond: count('the same in tokens', 'tokens a second'),
    },
  },
  'record-without-embedding': {
    meaning: 'A record has no embedding. Logged for the first ten; the file that ends in `.failed.tsv` lists all.',
    fields: {
      record: count('its number in the whole input, from 1', 'records'),
      id: { type: 'string', meaning: 'its id' },
      source: { type: 'string', meaning: 'the input that it comes from' },
      code: CODE,
      reason: REASON,
    },
  },
  embedded: {
    meaning: 'The embeddings are written.',
    fields: {
      counts: { type: 'object', meaning: 'records by outcome, letters and tokens, as in the manifest' },
      seconds: count('time of the whole command', 'seconds'),
      model: MODEL,
      output: { type: 'string', meaning: 'the output as given' },
    },
  },
  failed: { meaning: 'The command failed.', fields: { code: CODE, reason: REASON } },
};
