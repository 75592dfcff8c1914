import { busySeconds } from '../engine/pool/linear-limit.js';
import type { PoolWorker, RunningBatch } from '../engine/pool/pool-worker.js';
import type { WorkerMemory, WorkerReading } from '../engine/pool/worker-memory.js';
import type { WorkerUsage } from '../engine/pool/worker-usage.js';

export type { RunningBatch } from '../engine/pool/pool-worker.js';
export type { WorkerMemory } from '../engine/pool/worker-memory.js';

/** One worker at a moment of a run. Numbers count from the run's beginning. */
export interface WorkerStatus {
  /** `cpu`, or `cpu:0` … if several share the CPU; `cuda:0` …; prefixed with `triage:` for a worker of triage. */
  readonly id: string;
  /** The device's name. */
  readonly name: string;
  /** Taken out of the run: it stopped answering, or batches failed on it that other devices scored. */
  readonly isLost: boolean;
  /** What it is computing, for whichever run. */
  readonly stage: 'idle' | 'dna' | 'protein';
  /** The batch of this run that it is computing; undefined without one. */
  readonly running: RunningBatch | undefined;
  /**
   * The part of the run that it has computed, including the finished part of its running batch; 0 to 1, undefined
   * without bytesTotal. The fractions of a model's workers add up to what this run has computed with that model.
   */
  readonly fraction: number | undefined;
  /** Finished batches. */
  readonly batches: number;
  /** Finished frames. */
  readonly frames: number;
  /** Finished tokens of both language models. */
  readonly tokens: number;
  /** Seconds spent computing, including the running batch. */
  readonly busySeconds: number;
  /** Undefined until the first reading. */
  readonly memory: WorkerMemory | undefined;
  /** 0 to 1; undefined if nothing measures it. */
  readonly utilisation: number | undefined;
  /** Degrees Celsius; undefined if nothing measures it. */
  readonly temperature: number | undefined;
}

/** What is known of a worker at a moment. */
interface WorkerMoment extends Pick<WorkerStatus, 'running' | 'fraction'> {
  readonly usage: WorkerUsage;
  readonly reading: WorkerReading | undefined;
}

export function workerStatus(worker: PoolWorker, { usage, reading, running, fraction }: WorkerMoment): WorkerStatus {
  return {
    id: worker.id,
    name: usage.device.name,
    isLost: worker.isLost,
    stage: worker.isLost ? 'idle' : worker.native.progress().stage,
    running,
    fraction,
    batches: usage.batches,
    frames: usage.frames,
    tokens: usage.dnaTokens + usage.proteinTokens,
    busySeconds: busySeconds(usage.seconds) + (running?.seconds ?? 0),
    memory: reading?.memory,
    utilisation: reading?.utilisation,
    temperature: reading?.temperature,
  };
}

/** A run at one moment. */
export interface RunStatus {
  /** What its frames are. Defaults to `frame`; in a run of embeddings they are whole sequences. */
  readonly unit?: 'frame' | 'sequence';
  /** What its letters are. Defaults to `base`; in a run of protein embeddings, residues. */
  readonly letter?: 'base' | 'residue';
  /** Since the run began, which is when the first result was asked for. */
  readonly seconds: number;
  /** Whether `pause` was called, without `resume` since. */
  readonly isPaused: boolean;
  /** Of the inputs, before decompression. */
  readonly bytesRead: number;
  /** Bytes of all inputs; undefined if one of them has no size, such as standard input. */
  readonly bytesTotal: number | undefined;
  /**
   * 0 to 1, by the computed letters and their records' headers, including the finished part of running batches;
   * undefined without bytesTotal; 1 once the run has reached its end. It never goes back: it stands still while a failed batch is computed again.
   */
  readonly fraction: number | undefined;
  /** Until the end, at the speed so far; undefined if it cannot be estimated yet. */
  readonly secondsLeft: number | undefined;
  /** Includes the finished part of running batches; never goes back. */
  readonly lettersComputed: number;
  /** Records read so far. */
  readonly records: number;
  /** Windows entered so far. */
  readonly windows: number;
  /** Frames that are done, scored or failed. */
  readonly frames: number;
  /** Frames found so far. */
  readonly framesFound: number;
  /** The finished part of batches that are not back yet, in frames (need not be whole); not included in `frames`. */
  readonly framesUnderway: number;
  /** Of `frames`, those whose scores an earlier run computed. */
  readonly framesJournaled: number;
  /** Of `frames`, those in windows that triage decided. */
  readonly framesSpared: number;
  /** Frames without a score because something failed. */
  readonly framesFailed: number;
  /** Those of the run's model, then those of triage. */
  readonly workers: readonly WorkerStatus[];
}

/** What one worker did in the whole run, as reported in run.json and the log. */
export interface DeviceSummary {
  /** Id of the worker, as in WorkerStatus. */
  readonly id: string;
  readonly name: string;
  /** `fp32`, `fp16` or `bf16`. */
  readonly precision: string;
  /** Threads for the CPU's matrix work, or host threads of a GPU. */
  readonly threads: number;
  readonly batches: number;
  readonly frames: number;
  /** Of both language models together. */
  readonly tokens: number;
  /** Seconds spent computing. */
  readonly busySeconds: number;
  /** Tokens per busy second. */
  readonly tokensPerSecond: number;
  /**
   * The seconds that the models' matrix products alone would have taken, measured right after the run, as a fraction of
   * busySeconds; null if not measured: the run was too short, or used the TorchScript engine.
   */
  readonly matmulEfficiency: number | null;
  /** Peak bytes held, and bytes that the device has; on the CPU the peak is the whole process's. */
  readonly memoryPeakBytes: number;
  readonly memoryTotalBytes: number;
  /** Why it was taken out of the run; null if it was not. */
  readonly lost: string | null;
}

/** What a worker has computed, including the finished part of its running batch: the numbers need not be whole. */
export function computedBy({ frames, tokens, running }: Pick<WorkerStatus, 'frames' | 'tokens' | 'running'>): {
  readonly frames: number;
  readonly tokens: number;
} {
  if (!running) return { frames, tokens };
  return { frames: frames + running.fraction * running.frames, tokens: tokens + running.fraction * running.tokens };
}
