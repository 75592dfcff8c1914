import { joinRanges } from '../../batches/tokens.js';
import type { PackedTokens } from '../../batches/tokens.js';
import type { EmbeddingResult, EmbedOptions, NativeWorker, Pool } from '../addon.js';
import type { BatchWork, SettledSequences } from './batch-work.js';

export type PooledStates = Pick<EmbeddingResult, Pool>;

/** The layers and pools to return. */
export type EmbeddingRequest = Readonly<Pick<EmbedOptions, 'layers' | 'pools'>>;

/**
 * The outcome of a batch: every sequence has states or is listed in `failures`; then its states are NaN. If all failed,
 * there are no arrays.
 */
export interface EmbedOutcome extends PooledStates, SettledSequences {}

export type LanguageModelPart = 'dna' | 'protein';

/** The states of a batch's sequences inside one language model. */
export class EmbeddingWork implements BatchWork<EmbedOutcome> {
  readonly #part: LanguageModelPart;
  readonly #packed: PackedTokens;
  readonly #request: EmbeddingRequest;
  /** Those of the whole batch, which `#whole` are the tokens of. */
  readonly #states: PooledStates;
  readonly #whole: PackedTokens;
  /** Index of its first sequence in the whole batch. */
  readonly #first: number;

  private constructor(
    part: LanguageModelPart,
    packed: PackedTokens,
    request: EmbeddingRequest,
    batch: { readonly states: PooledStates; readonly whole: PackedTokens; readonly first: number },
  ) {
    this.#part = part;
    this.#packed = packed;
    this.#request = request;
    this.#states = batch.states;
    this.#whole = batch.whole;
    this.#first = batch.first;
  }

  static ofBatch(part: LanguageModelPart, packed: PackedTokens, request: EmbeddingRequest): EmbeddingWork {
    return new EmbeddingWork(part, packed, request, { states: {}, whole: packed, first: 0 });
  }

  get sequences(): number {
    return this.#packed.offsets.length - 1;
  }

  get tokens(): { dna: number; protein: number } {
    const { length } = this.#packed.tokens;
    return this.#part === 'dna' ? { dna: length, protein: 0 } : { dna: 0, protein: length };
  }

  async run(native: NativeWorker): Promise<undefined> {
    const result = await native.embed(this.#part, this.#packed, this.#request);
    for (const pool of this.#request.pools) this.#enter(pool, result[pool]!);
  }

  /** Most batches come back whole, and then need no copy. */
  #enter(pool: Pool, layers: Float32Array[]): void {
    if (this.#packed === this.#whole) {
      this.#states[pool] = layers;
      return;
    }
    const rowsOf = ({ offsets, tokens }: PackedTokens): number =>
      pool === 'tokens' ? tokens.length : offsets.length - 1;
    const firstRow = pool === 'tokens' ? this.#whole.offsets[this.#first]! : this.#first;
    const rows = rowsOf(this.#packed);
    if (rows === 0) return;
    const kept = (this.#states[pool] ??= layers.map(({ length }) =>
      new Float32Array((length / rows) * rowsOf(this.#whole)).fill(NaN),
    ));
    for (const [index, states] of layers.entries()) kept[index]!.set(states, (states.length / rows) * firstRow);
  }

  part(first: number, last: number): EmbeddingWork {
    const packed = joinRanges([{ packed: this.#packed, first, last }]);
    const batch = { states: this.#states, whole: this.#whole, first: this.#first + first };
    return new EmbeddingWork(this.#part, packed, this.#request, batch);
  }

  outcome(settled: SettledSequences): EmbedOutcome {
    return { ...this.#states, ...settled };
  }
}
