import type { PackedTokens } from '../batches/tokens.js';
import type { Pool } from '../engine/addon.js';

/** A sequence, or one window of it, to be computed as a whole. */
export interface Piece<Owner> {
  /** What it is a piece of. */
  readonly owner: Owner;
  /** Number of the window, from 0. */
  readonly window: number;
  /** Special tokens included. */
  readonly tokens: Int32Array;
  /** Whether the device can pool it; else the states of all its tokens are needed. */
  readonly isPooled: boolean;
}

/** What a device computes in one job. */
export interface EmbeddingBatch<Owner> {
  /** Piece i is sequence i of the tokens. */
  readonly pieces: readonly Piece<Owner>[];
  readonly tokens: PackedTokens;
  readonly pools: readonly Pool[];
}

/** Tokens of a batch. */
export interface BatchBudget {
  /** What the devices have room for. */
  readonly most: number;
  /** Of a batch that returns the states of all its tokens: what the host has room for. */
  readonly mostWithStates: number;
}

/** Bytes of the states that a batch returns. The host holds those of several batches for every device. */
const MOST_STATE_BYTES = 256 * 2 ** 20;

/** @param width numbers of a token's state in one layer */
export function batchBudget(
  most: number,
  { layers, width }: { readonly layers: number; readonly width: number },
): BatchBudget {
  const fitting = Math.floor(MOST_STATE_BYTES / (layers * width * Float32Array.BYTES_PER_ELEMENT));
  return { most, mostWithStates: Math.max(1, Math.min(most, fitting)) };
}

/**
 * Packs pieces into batches: each holds, in the order of arrival, as many as fit the budget; a piece that exceeds it gets
 * a batch of its own. Batches depend only on the pieces, their order and the calls of `flush`. They are not sorted by
 * length: sequences are packed without padding.
 */
export class EmbeddingBatcher<Owner> {
  readonly #budget: BatchBudget;
  readonly #pools: readonly Pool[];
  #pieces: Piece<Owner>[] = [];
  #size = 0;
  /** Whether the states of all tokens are returned. */
  #hasStates = false;

  constructor(budget: BatchBudget, pools: readonly Pool[]) {
    this.#budget = budget;
    this.#pools = pools;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** @returns the batch that is now complete, if any */
  add(piece: Piece<Owner>): EmbeddingBatch<Owner> | undefined {
    const hasStates = !piece.isPooled || this.#pools.includes('tokens');
    const { most, mostWithStates } = this.#budget;
    const budget = hasStates || this.#hasStates ? mostWithStates : most;
    const full = this.#size + piece.tokens.length > budget ? this.flush() : undefined;
    this.#hasStates ||= hasStates;
    this.#pieces.push(piece);
    this.#size += piece.tokens.length;
    return full;
  }

  /** @returns a batch of all that is left; undefined if nothing is */
  flush(): EmbeddingBatch<Owner> | undefined {
    const pieces = this.#pieces;
    if (pieces.length === 0) return undefined;
    const packed = { tokens: new Int32Array(this.#size), offsets: new Int32Array(pieces.length + 1) };
    let written = 0;
    for (const [index, { tokens }] of pieces.entries()) {
      packed.tokens.set(tokens, written);
      written += tokens.length;
      packed.offsets[index + 1] = written;
    }
    this.#pieces = [];
    this.#size = 0;
    this.#hasStates = false;
    return { pieces, tokens: packed, pools: poolsFor(pieces, this.#pools) };
  }
}

/** Those that the pooled pieces ask for, and all tokens if a piece needs them. */
function poolsFor(pieces: readonly Piece<unknown>[], asked: readonly Pool[]): Pool[] {
  const pools = new Set(pieces.some(({ isPooled }) => isPooled) ? asked : []);
  if (!pieces.every(({ isPooled }) => isPooled)) pools.add('tokens');
  return [...pools];
}
