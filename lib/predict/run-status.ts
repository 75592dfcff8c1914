import type { WorkerMemory } from '../engine/worker-memory.js';

export type { WorkerMemory } from '../engine/worker-memory.js';

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
  readonly batches: number;
  readonly frames: number;
  /** Of both models. */
  readonly tokens: number;
  /** Seconds in which it computed. */
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
  /** 0 to 1, by the letters that are computed and their records' headers; undefined without bytesTotal. */
  readonly share: number | undefined;
  /** Until the end, at the speed so far; undefined where it cannot be told yet. */
  readonly secondsLeft: number | undefined;
  readonly lettersComputed: number;
  readonly records: number;
  readonly windows: number;
  /** Frames that the devices are through with, and those that were found so far. */
  readonly frames: number;
  readonly framesFound: number;
  /** Of `frames`, those whose scores an earlier run had computed. */
  readonly framesJournaled: number;
  /** Of `frames`, those of windows that triage has decided. */
  readonly framesSpared: number;
  /** Frames without a score because something failed. */
  readonly framesFailed: number;
  readonly workers: readonly WorkerStatus[];
}
