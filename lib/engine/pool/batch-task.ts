import { joinRanges } from '../../batches/tokens.js';
import type { PackedTokens } from '../../batches/tokens.js';
import type { BatchResult, FrameBatchTokens } from '../addon.js';

/** Frames [first, last) of a batch that have no score, and their error. */
export interface FailedFrames {
  readonly first: number;
  readonly last: number;
  readonly error: unknown;
}

/** The outcome of a batch: every frame has scores, has a fault, or is listed in `failures`. */
export interface BatchOutcome {
  /** [frames, 2]: others, virus; NaN where a frame failed. */
  readonly scores: Float32Array;
  /** [frames]: see BatchResult. */
  readonly faults: Uint8Array;
  /** [frames, dna width + protein width], NaN where a frame failed; absent if not requested, or if all failed. */
  readonly embeddings?: Float32Array;
  readonly failures: readonly FailedFrames[];
}

/** A batch on its way through the pool: collects the results of its parts. */
class BatchInProgress {
  readonly outcome: Promise<BatchOutcome>;
  readonly #scores: Float32Array;
  readonly #faults: Uint8Array;
  readonly #failures: FailedFrames[] = [];
  #embeddings: Float32Array | undefined;
  #unsettled: number;
  #dropped: { readonly reason: unknown } | undefined;
  #resolve!: (outcome: BatchOutcome) => void;
  #reject!: (reason: unknown) => void;

  constructor(
    frames: number,
    readonly wantsEmbeddings: boolean,
  ) {
    this.#unsettled = frames;
    this.#scores = new Float32Array(2 * frames).fill(NaN);
    this.#faults = new Uint8Array(frames);
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Frames that have a score, have failed or were dropped. */
  get settled(): number {
    return this.#faults.length - this.#unsettled;
  }

  score(first: number, { scores, faults, embeddings }: BatchResult): void {
    this.#scores.set(scores, 2 * first);
    this.#faults.set(faults, first);
    if (embeddings) this.#embed(first, embeddings, embeddings.length / faults.length);
    this.#settle(faults.length);
  }

  fail(first: number, last: number, error: unknown): void {
    this.#failures.push({ first, last, error });
    this.#settle(last - first);
  }

  drop(frames: number, reason: unknown): void {
    this.#dropped ??= { reason };
    this.#settle(frames);
  }

  #embed(first: number, rows: Float32Array, width: number): void {
    // Most batches come back whole, and then need no copy.
    if (rows.length === width * this.#faults.length) this.#embeddings = rows;
    else (this.#embeddings ??= new Float32Array(width * this.#faults.length).fill(NaN)).set(rows, width * first);
  }

  /** Settles the batch only when no device still has a part of it, whatever happened to the other parts. */
  #settle(frames: number): void {
    this.#unsettled -= frames;
    if (this.#unsettled > 0) return;
    if (this.#dropped) {
      this.#reject(this.#dropped.reason);
      return;
    }
    this.#failures.sort((one, other) => one.first - other.first);
    const embeddings = this.#embeddings && { embeddings: this.#embeddings };
    this.#resolve({ scores: this.#scores, faults: this.#faults, failures: this.#failures, ...embeddings });
  }
}

/** A batch, or a part of one, for a device to run. `Device`: the type that identifies where it failed. */
export class BatchTask<Device> {
  readonly tokens: FrameBatchTokens;
  /** Where it failed, if this is its retry, which needs another device. */
  readonly failedOn: Device | undefined;
  readonly #batch: BatchInProgress;
  /** Index of its first frame in the batch. */
  readonly #first: number;

  private constructor(tokens: FrameBatchTokens, batch: BatchInProgress, first: number, failedOn?: Device) {
    this.tokens = tokens;
    this.failedOn = failedOn;
    this.#batch = batch;
    this.#first = first;
  }

  static ofBatch<Device>(tokens: FrameBatchTokens, wantsEmbeddings = false): BatchTask<Device> {
    return new BatchTask<Device>(tokens, new BatchInProgress(tokens.dna.offsets.length - 1, wantsEmbeddings), 0);
  }

  /** Whether embeddings are returned with its scores. */
  get wantsEmbeddings(): boolean {
    return this.#batch.wantsEmbeddings;
  }

  /** Outcome of the whole batch, once all its parts are settled. Rejects if it was dropped. */
  get outcome(): Promise<BatchOutcome> {
    return this.#batch.outcome;
  }

  get frames(): number {
    return this.tokens.dna.offsets.length - 1;
  }

  /** Frames of the whole batch that are done, with or without a score. */
  get settledOfBatch(): number {
    return this.#batch.settled;
  }

  /** Tokens of its larger side, which its memory grows with. */
  get size(): number {
    return Math.max(this.tokens.dna.tokens.length, this.tokens.protein.tokens.length);
  }

  /** Whether it has failed once and this is its retry, the only one. */
  get wasRetried(): boolean {
    return this.failedOn !== undefined;
  }

  /** The same task, to be retried on a device other than this one. */
  retriedAfter(device: Device): BatchTask<Device> {
    return new BatchTask(this.tokens, this.#batch, this.#first, device);
  }

  /**
   * Two tasks with half of its frames each; needs at least two frames. Each half gets its own retry on another device,
   * so that no frame is given up because of the device that it happened to be on.
   */
  halves(): [BatchTask<Device>, BatchTask<Device>] {
    const middle = Math.ceil(this.frames / 2);
    const part = (first: number, last: number): BatchTask<Device> =>
      new BatchTask<Device>(rangeOf(this.tokens, first, last), this.#batch, this.#first + first);
    return [part(0, middle), part(middle, this.frames)];
  }

  score(result: BatchResult): void {
    this.#batch.score(this.#first, result);
  }

  fail(error: unknown): void {
    this.#batch.fail(this.#first, this.#first + this.frames, error);
  }

  /** Gives up the task, and with it the whole batch. */
  drop(reason: unknown): void {
    this.#batch.drop(this.frames, reason);
  }
}

function rangeOf({ dna, protein }: FrameBatchTokens, first: number, last: number): FrameBatchTokens {
  const range = (packed: PackedTokens): PackedTokens => joinRanges([{ packed, first, last }]);
  return { dna: range(dna), protein: range(protein) };
}
