import { DEFAULT_DEADLINE } from '../engine/addon.js';
import type { Engine } from '../engine/addon.js';
import type { DeviceChoice, PrecisionChoice } from '../engine/devices/choose-devices.js';
import type { CallRule } from '../scoring/calls.js';
import type { RunEvent } from './events.js';
import type { Logger } from './logger.js';
import type { RunStatus } from './run-status.js';

/** Seconds between two progress events. */
export const DEFAULT_PROGRESS_INTERVAL = 30;
/** Fraction of a device's memory at which a warning is emitted. */
export const DEFAULT_MEMORY_WARNING = 0.9;
export const DEFAULT_DEVICE_TIMEOUT = DEFAULT_DEADLINE;
/** Milliseconds that a record in memory waits, at most, for others to share its batch. */
export const DEFAULT_MAX_DELAY = 10;
export const MAX_MAX_DELAY = 60_000;
export const MAX_DEVICE_TIMEOUT = 1_000_000;
/** No device has room for a batch of more tokens. */
export const MAX_BATCH_TOKENS = 2 ** 24;
export const MAX_THREADS = 1024;
/** More workers on one CPU bring no further gain. */
export const MAX_WORKERS = 64;

/** A model that reads every window first and decides those it is sure of; the rest go to the run's model. */
export interface TriageChoice {
  /** Its name; `mini` is short for virnucpro-mini. */
  readonly model: string;
  /**
   * It decides windows whose calibrated virus score is below this, 0 to 1. Defaults to the value measured for this
   * model and the run's chunk size.
   */
  readonly othersBelow?: number;
  /** It decides windows whose calibrated virus score is at least this, 0 to 1. Same default. */
  readonly virusAtLeast?: number;
}

/** Which model `open` loads, where, and how it computes. */
export interface OpenOptions {
  /**
   * Name of a model. Defaults to the only installed one; if none is installed, to SHIPPED_DEFAULT, which comes with
   * this program.
   */
  readonly model?: string;
  /** Triage by another model on the same devices: see TriageChoice. A string is its `model`. Defaults to none. */
  readonly triage?: string | TriageChoice;
  /** Folder of the installed models. Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string;
  /**
   * Opens the model even if it was neither made on this machine nor recorded by `trustModel`. A model's archives are
   * code that runs with your full permissions, so use this only if you know who made the model. Hashes are checked
   * regardless. Defaults to false.
   */
  readonly trust?: boolean;
  /** Defaults to `auto`. */
  readonly precision?: PrecisionChoice;
  /**
   * `auto`: every CUDA device, or the CPU if there is none. `cuda`: every CUDA device. `cpu`: the CPU. Or a list of
   * ids, `cpu` and `cuda:N`, where N counts the devices of CUDA_VISIBLE_DEVICES in nvidia-smi's order (of the PCI bus).
   * Defaults to `auto`.
   */
  readonly devices?: DeviceChoice;
  /** Number of workers on the CPU, which share its threads; results do not depend on it. Defaults to 1. */
  readonly workers?: number;
  /** Maximum bytes that one worker may use on its device, weights included. Defaults to what the device has. */
  readonly maxMemory?: number;
  /**
   * Whole seconds, up to a million: a GPU that makes no progress for this long counts as lost, and the other devices
   * take over its work. Defaults to DEFAULT_DEVICE_TIMEOUT.
   */
  readonly deviceTimeout?: number;
  /**
   * Milliseconds, up to a minute. Runs over records in memory and streams share batches; the first window of a batch
   * that is not full waits this long for those of other runs, at most, if a device is ready. More makes larger batches
   * of many small runs, less returns a single result earlier. Defaults to DEFAULT_MAX_DELAY.
   */
  readonly maxDelay?: number;
  /**
   * CPU threads for matrix work, shared by all CPU workers. Defaults to the cores that this process may use: those of
   * its CPU affinity, limited by its cgroup's quota (rounded up) and by $OMP_NUM_THREADS.
   */
  readonly threads?: number;
  /** `packed`: this project's forward pass. `torchscript`: the archive's, for comparison. Defaults to `packed`. */
  readonly engine?: Engine;
  /** Maximum tokens in an ESM-2 batch; a longer sequence runs alone. Defaults to what suits the devices' memory. */
  readonly proteinBatchTokens?: number;
  /** Maximum tokens in a DNABERT-S batch; a longer sequence runs alone. Defaults to what suits the devices' memory. */
  readonly dnaBatchTokens?: number;
  /** Called with every event while the model loads and during runs. Anything it throws is ignored. */
  readonly onEvent?: (event: RunEvent) => void;
  /**
   * Gets every event as a sentence, at its level, while the model loads and during runs: `console`, a pino logger or
   * another object with their methods. Anything it throws is ignored. Defaults to none.
   */
  readonly logger?: Logger;
  /**
   * Aborts loading: `open` throws the signal's reason at once, and the loading threads end at their next step. Has no
   * effect once the predictor is open. Defaults to none.
   */
  readonly signal?: AbortSignal;
}

/** What a run makes of its inputs, and what it tells. */
export interface PredictOptions {
  /** A window is called virus when its virus score is at least this, 0 to 1. Defaults to 0.5, the classic rule. */
  readonly threshold?: number;
  /** A contig is called virus when at least this fraction of its scored windows is, 0 to 1. Defaults to 0.5. */
  readonly minFraction?: number;
  /** Whether scores are calibrated if the model has a temperature; the published models have none. Defaults to true. */
  readonly calibration?: boolean;
  /** Whether window results carry their letters and ORFs. Defaults to false. */
  readonly sequences?: boolean;
  /** Whether frame scores carry their embeddings; not with triage, whose embeddings differ. Defaults to false. */
  readonly embeddings?: boolean;
  /**
   * Path of a file that keeps every batch's scores (and embeddings, if asked for) as they arrive; deleting it is up to
   * the caller. A run given the journal of an interrupted run does not recompute what is in it, and gives the same
   * results as an uninterrupted run. Only one run may use it at a time. Defaults to none.
   */
  readonly journal?: string;
  /** What the input `-` reads. Defaults to the process's standard input. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
  /**
   * Maximum letters of a record. A longer one is `invalid`: nothing is computed for it, and its letters are not kept in
   * memory. Defaults to no limit.
   */
  readonly maxRecordLength?: number;
  /**
   * Maximum bytes of all inputs, decompressed; of records in memory, of their sequences. A longer input ends the run:
   * after the results so far the iteration throws VNP_INPUT_LIMIT. Defaults to no limit.
   */
  readonly maxInputBytes?: number;
  /**
   * Stops the run: the devices finish what they are computing, the results so far are yielded, then the iteration
   * throws the signal's reason. Defaults to none.
   */
  readonly signal?: AbortSignal;
  /**
   * Called about once a second with the fraction of the run that is done, 0 to 1, and how far it is in detail. The
   * fraction never goes back; it is undefined as long as the size of the input is unknown, as for records and streams.
   * The last call of a run that reached its end has the fraction 1. Anything it throws is ignored. Defaults to none.
   */
  readonly onProgress?: (fraction: number | undefined, status: RunStatus) => void;
  /** Seconds between two progress events, 0 for none. Defaults to DEFAULT_PROGRESS_INTERVAL. */
  readonly progressInterval?: number;
  /** Fraction of a device's memory, above 0 and up to 1, at which to warn. Defaults to DEFAULT_MEMORY_WARNING. */
  readonly memoryWarning?: number;
}

/** The options of a run over records or a stream. */
export interface SourceOptions extends Omit<PredictOptions, 'standardInput'> {
  /** What results (`source`) and messages call the input. Defaults to `records`, or `stream`. */
  readonly source?: string;
}

/** Options that may also be present as undefined, which counts as missing. */
export type OrUndefined<Options> = { readonly [Name in keyof Options]?: Options[Name] | undefined };

/** How a model is opened, whichever it is: the options of `open` with defaults filled in. */
export interface ModelSettings {
  /** As chosen; `auto` is not resolved yet. */
  readonly precision: PrecisionChoice;
  readonly devices: DeviceChoice;
  readonly threads: number;
  /** This and the next three are undefined unless given. */
  readonly workers: number | undefined;
  readonly maxMemory: number | undefined;
  readonly proteinBatchTokens: number | undefined;
  readonly dnaBatchTokens: number | undefined;
  readonly deviceTimeout: number;
  /** Milliseconds. */
  readonly maxDelay: number;
  readonly engine: Engine;
}

/** The options of `predict` that decide results, whatever the inputs, with defaults filled in. */
export interface ResultSettings {
  readonly rule: CallRule;
  readonly calibration: boolean;
  readonly sequences: boolean;
  readonly embeddings: boolean;
  /** Undefined without a limit. */
  readonly maxRecordLength: number | undefined;
}

/** Options that do not affect a run's results, and so may accompany a plan. */
export type RunHandlers = Pick<
  PredictOptions,
  'journal' | 'standardInput' | 'maxInputBytes' | 'signal' | 'onProgress' | 'progressInterval' | 'memoryWarning'
>;

/** Options that do not affect how a model is opened, and so may accompany a plan. */
export type OpenHandlers = Pick<OpenOptions, 'onEvent' | 'logger' | 'signal'>;
