import type { NativeWorker } from '../addon.js';

/** Sequences [first, last) of a batch that have no result, and their error. A frame is one sequence. */
export interface FailedSequences {
  readonly first: number;
  readonly last: number;
  readonly error: unknown;
}

/** Sequences [first, last) of a batch that a worker has computed at once. */
export interface ComputedSequences {
  readonly first: number;
  readonly last: number;
  /** Its name. */
  readonly worker: string;
  /** On the device, divided among the models, or in all. */
  readonly seconds: ComputeSeconds | number;
}

/** What became of every sequence of a batch. */
export interface SettledSequences {
  /** In the order of the sequences. */
  readonly failures: readonly FailedSequences[];
  readonly computed: readonly ComputedSequences[];
}

/** Seconds on a device's thread. */
export interface ComputeSeconds {
  readonly dna: number;
  readonly protein: number;
  readonly classifier: number;
}

/**
 * A kind of work on the sequences of a batch, or of a part of it, with a place where all parts of the batch keep their
 * results.
 */
export interface BatchWork<Outcome> {
  readonly sequences: number;
  /** Number of tokens for each language model. */
  readonly tokens: { readonly dna: number; readonly protein: number };
  /** Computes it and keeps the result. @returns undefined if the device does not say how long it took */
  run(native: NativeWorker): Promise<ComputeSeconds | undefined>;
  /** The same work on sequences [first, last) alone. */
  part(first: number, last: number): BatchWork<Outcome>;
  /** The outcome of the whole batch, once every part has a result or has failed. */
  outcome(settled: SettledSequences): Outcome;
}
