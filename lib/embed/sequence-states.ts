import type { PackedTokens } from '../batches/tokens.js';
import type { Pool } from '../engine/addon.js';
import type { LanguageModelPart, PooledStates } from '../engine/pool/embedding-work.js';
import { startOf } from './token-windows.js';
import type { TokenWindows } from './token-windows.js';

/** What is wanted of every sequence. */
export interface StatesRequest {
  /** Indices of layers, each once: 0 for the scaled token embeddings, the number of layers for the model's output. */
  readonly layers: readonly number[];
  /** Each once. */
  readonly pools: readonly Pool[];
  /** Whether `tokens` has rows for the special tokens at both ends, too. */
  readonly specialTokens: boolean;
}

/** Special tokens of a window: one at either end. */
export const SPECIAL_TOKENS = 2;

/** Whether mean and max include the special tokens, as the embeddings of a prediction do. */
function poolsSpecialTokens(part: LanguageModelPart): boolean {
  return part === 'dna';
}

/** The states of a sequence's tokens in one layer, made of those of its windows, and pooled as they become final. */
class LayerStates {
  readonly #windows: TokenWindows;
  readonly #width: number;
  /** Sums of the states of the tokens that a coming window may have, too, and the number of windows that each is of. */
  readonly #sums: Float32Array;
  readonly #counts: Uint32Array;
  /** The first of these tokens. */
  #first = 0;
  /** Sums of the special tokens' states over the windows. */
  readonly #prefix: Float32Array;
  readonly #suffix: Float32Array;
  readonly #total: Float64Array;
  readonly #max: Float32Array;
  readonly #tokens: Float32Array | undefined;
  /** Rows of `#tokens` before those of the sequence. */
  readonly #rowsBefore: number;

  constructor(windows: TokenWindows, width: number, { pools, specialTokens }: StatesRequest) {
    this.#windows = windows;
    this.#width = width;
    this.#sums = new Float32Array(windows.size * width);
    this.#counts = new Uint32Array(windows.size);
    this.#prefix = new Float32Array(width);
    this.#suffix = new Float32Array(width);
    this.#total = new Float64Array(width);
    this.#max = new Float32Array(width).fill(-Infinity);
    this.#rowsBefore = specialTokens ? 1 : 0;
    const rows = windows.total + (specialTokens ? SPECIAL_TOKENS : 0);
    this.#tokens = pools.includes('tokens') ? new Float32Array(rows * width) : undefined;
  }

  /** @param states [special token, tokens, special token] x width of the next window */
  enter(window: number, states: Float32Array): void {
    const { size } = this.#windows;
    const width = this.#width;
    this.#finish(startOf(this.#windows, window));
    const sums = this.#sums;
    const end = size * width;
    for (let at = 0; at < end; at++) sums[at]! += states[width + at]!;
    for (let token = 0; token < size; token++) this.#counts[token]!++;
    for (let at = 0; at < width; at++) {
      this.#prefix[at]! += states[at]!;
      this.#suffix[at]! += states[width + end + at]!;
    }
  }

  /** The tokens before this one have all their states. */
  #finish(next: number): void {
    const width = this.#width;
    const final = next - this.#first;
    for (let token = 0; token < final; token++) {
      const row = this.#sums.subarray(token * width, (token + 1) * width);
      const count = this.#counts[token]!;
      if (count > 1) for (let at = 0; at < width; at++) row[at]! /= count;
      this.#tokens?.set(row, (this.#rowsBefore + this.#first + token) * width);
      this.#pool(row);
    }
    this.#sums.copyWithin(0, final * width);
    this.#sums.fill(0, this.#sums.length - final * width);
    this.#counts.copyWithin(0, final);
    this.#counts.fill(0, this.#counts.length - final);
    this.#first = next;
  }

  #pool(row: Float32Array): void {
    const total = this.#total;
    const max = this.#max;
    for (let at = 0; at < row.length; at++) {
      const value = row[at]!;
      total[at]! += value;
      // Unlike a comparison, keeps NaN.
      max[at] = Math.max(max[at]!, value);
    }
  }

  /** To be called once, after the last window. */
  pooled(
    part: LanguageModelPart,
  ): Record<Exclude<Pool, 'tokens'>, Float32Array> & { tokens: Float32Array | undefined } {
    const { total, count } = this.#windows;
    this.#finish(total);
    const ends = [this.#prefix, this.#suffix];
    for (const row of ends) for (let at = 0; at < row.length; at++) row[at]! /= count;
    if (poolsSpecialTokens(part)) for (const row of ends) this.#pool(row);
    if (this.#rowsBefore > 0) {
      this.#tokens?.set(this.#prefix, 0);
      this.#tokens?.set(this.#suffix, (total + 1) * this.#width);
    }
    const tokens = total + (poolsSpecialTokens(part) ? SPECIAL_TOKENS : 0);
    const mean = Float32Array.from(this.#total, (sum) => sum / tokens);
    return { mean, cls: this.#prefix, max: this.#max, tokens: this.#tokens };
  }
}

/**
 * The states of one sequence that is read in several windows: of a token in several windows their mean, and pooled after
 * that; `cls` is the mean of the windows' first tokens. Takes the memory of one window for each layer, unless the states
 * of all tokens are wanted.
 */
export class SequenceStates {
  readonly #part: LanguageModelPart;
  readonly #windows: TokenWindows;
  readonly #request: StatesRequest;
  readonly #layers: LayerStates[] = [];

  constructor(part: LanguageModelPart, windows: TokenWindows, request: StatesRequest) {
    this.#part = part;
    this.#windows = windows;
    this.#request = request;
  }

  /**
   * Enters one layer of a window. Windows must come in order.
   * @param layer position in the request's layers
   * @param states [tokens, width], special tokens included
   */
  enter(window: number, layer: number, states: Float32Array): void {
    const width = states.length / (this.#windows.size + SPECIAL_TOKENS);
    this.#layers[layer] ??= new LayerStates(this.#windows, width, this.#request);
    this.#layers[layer].enter(window, states);
  }

  /** To be called once, after the last window: for each pool one array for each layer. */
  pooled(): PooledStates {
    const layers = this.#layers.map((layer) => layer.pooled(this.#part));
    const states: PooledStates = {};
    for (const pool of this.#request.pools) states[pool] = layers.map((layer) => layer[pool]!);
    return states;
  }
}

/** Copies the states of one sequence of a batch, as the device has pooled them. */
export function statesOfRow(
  states: PooledStates,
  { offsets }: PackedTokens,
  row: number,
  { pools, specialTokens }: StatesRequest,
): PooledStates {
  const sequences = offsets.length - 1;
  const ends = specialTokens ? 0 : 1;
  const copied: PooledStates = {};
  for (const pool of pools) {
    const [rows, first, last] =
      pool === 'tokens'
        ? [offsets[sequences]!, offsets[row]! + ends, offsets[row + 1]! - ends]
        : [sequences, row, row + 1];
    copied[pool] = states[pool]!.map((layer) => {
      const width = layer.length / rows;
      return layer.slice(first * width, last * width);
    });
  }
  return copied;
}

/** Whether all are finite. Faster than asking each. */
export function areFinite(states: Float32Array): boolean {
  let sum = 0;
  for (let at = 0; at < states.length; at++) sum += states[at]! * 0;
  return sum === 0;
}
