import { joinRanges } from '../../batches/tokens.js';
import type { PackedTokens } from '../../batches/tokens.js';
import type { BatchResult, FrameBatchTokens, NativeWorker } from '../addon.js';
import type { BatchWork, ComputeSeconds, SettledSequences } from './batch-work.js';

/** The outcome of a batch: every frame has scores, has a fault, or is listed in `failures`. */
export interface BatchOutcome extends SettledSequences {
  /** [frames, 2]: others, virus; NaN where a frame failed. */
  readonly scores: Float32Array;
  /** [frames]: see BatchResult. */
  readonly faults: Uint8Array;
  /** [frames, dna width + protein width], NaN where a frame failed; absent if not requested, or if all failed. */
  readonly embeddings?: Float32Array;
}

/** Scores of a whole batch, whose parts come back in any order. */
class BatchScores {
  readonly scores: Float32Array;
  readonly faults: Uint8Array;
  embeddings: Float32Array | undefined;

  constructor(frames: number) {
    this.scores = new Float32Array(2 * frames).fill(NaN);
    this.faults = new Uint8Array(frames);
  }

  enter(first: number, { scores, faults, embeddings }: BatchResult): void {
    this.scores.set(scores, 2 * first);
    this.faults.set(faults, first);
    if (embeddings) this.#embed(first, embeddings, embeddings.length / faults.length);
  }

  #embed(first: number, rows: Float32Array, width: number): void {
    const size = width * this.faults.length;
    // Most batches come back whole, and then need no copy.
    if (rows.length === size) this.embeddings = rows;
    else (this.embeddings ??= new Float32Array(size).fill(NaN)).set(rows, width * first);
  }
}

/** Scores of the frames of a batch, with embeddings on request. */
export class ScoringWork implements BatchWork<BatchOutcome> {
  readonly #batch: FrameBatchTokens;
  readonly #embeddings: boolean;
  readonly #scores: BatchScores;
  /** Index of its first frame in the whole batch. */
  readonly #first: number;

  private constructor(batch: FrameBatchTokens, embeddings: boolean, scores: BatchScores, first: number) {
    this.#batch = batch;
    this.#embeddings = embeddings;
    this.#scores = scores;
    this.#first = first;
  }

  static ofBatch(batch: FrameBatchTokens, embeddings: boolean): ScoringWork {
    return new ScoringWork(batch, embeddings, new BatchScores(batch.dna.offsets.length - 1), 0);
  }

  get sequences(): number {
    return this.#batch.dna.offsets.length - 1;
  }

  get tokens(): { dna: number; protein: number } {
    const { dna, protein } = this.#batch;
    return { dna: dna.tokens.length, protein: protein.tokens.length };
  }

  async run(native: NativeWorker): Promise<ComputeSeconds> {
    const result = await native.run(this.#batch, { embeddings: this.#embeddings });
    this.#scores.enter(this.#first, result);
    return result.seconds;
  }

  part(first: number, last: number): ScoringWork {
    const range = (packed: PackedTokens): PackedTokens => joinRanges([{ packed, first, last }]);
    const { dna, protein } = this.#batch;
    const batch = { dna: range(dna), protein: range(protein) };
    return new ScoringWork(batch, this.#embeddings, this.#scores, this.#first + first);
  }

  outcome(settled: SettledSequences): BatchOutcome {
    const { scores, faults, embeddings } = this.#scores;
    return { scores, faults, ...settled, ...(embeddings && { embeddings }) };
  }
}
