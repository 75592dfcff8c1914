import type { RunningBatch } from '../engine/pool/pool-worker.js';
import type { WorkerMemory } from '../engine/pool/worker-memory.js';

export type { RunningBatch } from '../engine/pool/pool-worker.js';
export type { WorkerMemory } from '../engine/pool/worker-memory.js';

/** One worker at a moment of a run. Numbers count from the run's beginning. */
export interface WorkerStatus {
  /** `cpu`, `cpu:0` … where several share the CPU, `cuda:0` …; `triage:` before it for one of triage. */
  readonly id: string;
  /** The device's name. */
  readonly name: string;
  /** Taken out of the run because it stopped answering. */
  readonly isLost: boolean;
  /** What it computes at this moment. */
  readonly stage: 'idle' | 'dna' | 'protein';
  /** The batch that it computes; undefined without one. */
  readonly running: RunningBatch | undefined;
  /**
   * Of the run's frames, those that it is through with, with what is done of the batch that runs; 0 to 1, undefined
   * without bytesTotal. Those of the workers of a model add up to what this run computes with it.
   */
  readonly fraction: number | undefined;
  /** Batches, frames and tokens of both models that it is through with. */
  readonly batches: number;
  readonly frames: number;
  readonly tokens: number;
  /** Seconds in which it computed, with those of the batch that runs. */
  readonly busySeconds: number;
  /** Undefined until it was read for the first time. */
  readonly memory: WorkerMemory | undefined;
  /** 0 to 1, and degrees Celsius; undefined where nothing measures it. */
  readonly utilisation: number | undefined;
  readonly temperature: number | undefined;
}

/** A run at one moment. */
export interface RunStatus {
  /** Since the run began: since the first result was asked for. */
  readonly seconds: number;
  readonly isPaused: boolean;
  readonly bytesRead: number;
  /** Bytes of all inputs; undefined where one of them has no size, such as standard input. */
  readonly bytesTotal: number | undefined;
  /**
   * 0 to 1, by the letters that are computed and their records' headers, with what is done of the batches that run;
   * undefined without bytesTotal. It never goes back: a batch that fails and is computed again holds it up.
   */
  readonly fraction: number | undefined;
  /** Until the end, at the speed so far; undefined where it cannot be told yet. */
  readonly secondsLeft: number | undefined;
  /** With what is done of the batches that run; never goes back. */
  readonly lettersComputed: number;
  readonly records: number;
  readonly windows: number;
  /** Frames that the devices are through with, and those that were found so far. */
  readonly frames: number;
  readonly framesFound: number;
  /** What is done of the batches that are not back yet, as a number of frames, which need not be whole; not in `frames`. */
  readonly framesUnderway: number;
  /** Of `frames`, those whose scores an earlier run had computed. */
  readonly framesJournaled: number;
  /** Of `frames`, those of windows that triage has decided. */
  readonly framesSpared: number;
  /** Frames without a score because something failed. */
  readonly framesFailed: number;
  readonly workers: readonly WorkerStatus[];
}

/** What a worker has computed, with what is done of the batch that runs: frames and tokens need not be whole. */
export function computedBy({ frames, tokens, running }: Pick<WorkerStatus, 'frames' | 'tokens' | 'running'>): {
  readonly frames: number;
  readonly tokens: number;
} {
  if (!running) return { frames, tokens };
  return { frames: frames + running.fraction * running.frames, tokens: tokens + running.fraction * running.tokens };
}
