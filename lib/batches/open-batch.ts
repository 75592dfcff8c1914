import { expected } from '../errors.js';
import type { EncodedFrames } from './encoded-frames.js';
import { joinRanges } from './tokens.js';
import type { PackedTokens } from './tokens.js';

/** Maximum tokens of a batch for each model, at least 1. */
export interface BatchBudget {
  readonly proteinTokens: number;
  readonly dnaTokens: number;
}

/** Encoded frames [first, last) that belong to a batch. */
export interface BatchPiece<Frames extends EncodedFrames> {
  readonly frames: Frames;
  readonly first: number;
  last: number;
}

/** A batch that still takes frames, as many as fit both budgets. A frame that exceeds a budget is a batch by itself. */
export class OpenBatch<Frames extends EncodedFrames> {
  readonly #budget: BatchBudget;
  #pieces: BatchPiece<Frames>[] = [];
  #dnaTokens = 0;
  #proteinTokens = 0;

  /** @throws VirnucproError VNP_ARGUMENT */
  constructor(budget: BatchBudget) {
    for (const name of ['proteinTokens', 'dnaTokens'] as const) {
      if (budget[name] >= 1) continue;
      throw expected('VNP_ARGUMENT', 'at least 1 token', `the budget ${name}`, String(budget[name]));
    }
    this.#budget = budget;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Whether it has room for the frame. */
  fits({ dna, protein }: Frames, index: number): boolean {
    if (this.isEmpty) return true;
    const { dnaTokens, proteinTokens } = this.#budget;
    return (
      this.#dnaTokens + tokensOf(dna, index) <= dnaTokens &&
      this.#proteinTokens + tokensOf(protein, index) <= proteinTokens
    );
  }

  add(frames: Frames, index: number): void {
    this.#dnaTokens += tokensOf(frames.dna, index);
    this.#proteinTokens += tokensOf(frames.protein, index);
    const piece = this.#pieces.at(-1);
    if (piece?.frames === frames && piece.last === index) piece.last = index + 1;
    else this.#pieces.push({ frames, first: index, last: index + 1 });
  }

  /** Its pieces, and their tokens end to end; it is empty again afterwards. */
  close(): { readonly pieces: readonly BatchPiece<Frames>[]; readonly tokens: EncodedFrames } {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#dnaTokens = 0;
    this.#proteinTokens = 0;
    const joined = (part: keyof EncodedFrames): PackedTokens =>
      joinRanges(pieces.map(({ frames, first, last }) => ({ packed: frames[part], first, last })));
    return { pieces, tokens: { dna: joined('dna'), protein: joined('protein') } };
  }
}

function tokensOf({ offsets }: PackedTokens, index: number): number {
  return offsets[index + 1]! - offsets[index]!;
}
