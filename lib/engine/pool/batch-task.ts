import type { BatchWork, ComputedSequences, FailedSequences } from './batch-work.js';

/** How a promise is settled. */
interface Settling<Outcome> {
  resolve(outcome: Outcome): void;
  reject(reason: unknown): void;
}

/** A batch on its way through the pool: counts its parts, and gathers what failed of it. */
class BatchInProgress<Outcome> {
  readonly outcome: Promise<Outcome>;
  readonly #work: BatchWork<Outcome>;
  readonly #failures: FailedSequences[] = [];
  readonly #computed: ComputedSequences[] = [];
  #unsettled: number;
  #dropped: { readonly reason: unknown } | undefined;
  #settling!: Settling<Outcome>;

  constructor(work: BatchWork<Outcome>) {
    this.#work = work;
    this.#unsettled = work.sequences;
    this.outcome = new Promise((resolve, reject) => {
      this.#settling = { resolve, reject };
    });
  }

  /** Sequences that have a result, have failed or were dropped. */
  get settled(): number {
    return this.#work.sequences - this.#unsettled;
  }

  succeed(computed: ComputedSequences): void {
    this.#computed.push(computed);
    this.#settle(computed.last - computed.first);
  }

  fail(failed: FailedSequences): void {
    this.#failures.push(failed);
    this.#settle(failed.last - failed.first);
  }

  drop(sequences: number, reason: unknown): void {
    this.#dropped ??= { reason };
    this.#settle(sequences);
  }

  /** Settles the batch only when no device still has a part of it, whatever happened to the other parts. */
  #settle(sequences: number): void {
    this.#unsettled -= sequences;
    if (this.#unsettled > 0) return;
    if (this.#dropped) {
      this.#settling.reject(this.#dropped.reason);
      return;
    }
    for (const parts of [this.#failures, this.#computed]) parts.sort((one, other) => one.first - other.first);
    this.#settling.resolve(this.#work.outcome({ failures: this.#failures, computed: this.#computed }));
  }
}

/**
 * A batch, or a part of one, for a device to compute. `Device`: the type that identifies where it failed. `Outcome`: of
 * the whole batch.
 */
export class BatchTask<Device, Outcome = unknown> {
  readonly work: BatchWork<Outcome>;
  /** Where it failed, if this is its retry, which needs another device. */
  readonly failedOn: Device | undefined;
  /** Its client no longer wants it, unless it has already begun. */
  isCancelled = false;
  readonly #batch: BatchInProgress<Outcome>;
  /** Index of its first sequence in the batch. */
  readonly #first: number;

  private constructor(work: BatchWork<Outcome>, batch: BatchInProgress<Outcome>, first: number, failedOn?: Device) {
    this.work = work;
    this.failedOn = failedOn;
    this.#batch = batch;
    this.#first = first;
  }

  static ofBatch<Device, Outcome>(work: BatchWork<Outcome>): BatchTask<Device, Outcome> {
    return new BatchTask<Device, Outcome>(work, new BatchInProgress(work), 0);
  }

  /** Outcome of the whole batch, once all its parts are settled. Rejects if it was dropped. */
  get outcome(): Promise<Outcome> {
    return this.#batch.outcome;
  }

  get sequences(): number {
    return this.work.sequences;
  }

  /** Its sequences in the batch. */
  get #range(): { first: number; last: number } {
    return { first: this.#first, last: this.#first + this.sequences };
  }

  /** Sequences of the whole batch that are done, with or without a result. */
  get settledOfBatch(): number {
    return this.#batch.settled;
  }

  /** Tokens of its larger side, which its memory grows with. */
  get size(): number {
    const { dna, protein } = this.work.tokens;
    return Math.max(dna, protein);
  }

  /** Whether it has failed once and this is its retry, the only one. */
  get wasRetried(): boolean {
    return this.failedOn !== undefined;
  }

  /** The same task, to be retried on a device other than this one. */
  retriedAfter(device: Device): BatchTask<Device, Outcome> {
    return new BatchTask(this.work, this.#batch, this.#first, device);
  }

  /**
   * Two tasks with half of its sequences each; needs at least two. Each half gets its own retry on another device, so
   * that no sequence is given up because of the device that it happened to be on.
   */
  halves(): [BatchTask<Device, Outcome>, BatchTask<Device, Outcome>] {
    const middle = Math.ceil(this.sequences / 2);
    const part = (first: number, last: number): BatchTask<Device, Outcome> =>
      new BatchTask<Device, Outcome>(this.work.part(first, last), this.#batch, this.#first + first);
    return [part(0, middle), part(middle, this.sequences)];
  }

  /** Its work has been done, and the results are kept. */
  succeed(computed: Omit<ComputedSequences, 'first' | 'last'>): void {
    this.#batch.succeed({ ...this.#range, ...computed });
  }

  fail(error: unknown): void {
    this.#batch.fail({ ...this.#range, error });
  }

  /** Gives up the task, and with it the whole batch. */
  drop(reason: unknown): void {
    this.#batch.drop(this.sequences, reason);
  }
}
