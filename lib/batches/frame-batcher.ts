import { expected } from '../errors.js';
import { encodeDna, encodeProteins, joinRanges } from './tokens.js';
import type { DnaTokenizer, PackedTokens } from './tokens.js';

/** Bases to tokenize in one call, since a call costs more than a frame. */
const TOKENIZED_AT_ONCE = 64 * 1024;

const NONE: readonly FrameBatch[] = [];

/** What a device embeds in one job. */
export interface FrameBatch {
  /** The caller's tags of the frames, in the order of `add`. */
  readonly tags: readonly number[];
  /** Sequence i of each is frame i. */
  readonly tokens: { readonly dna: PackedTokens; readonly protein: PackedTokens };
}

export interface FrameBatcherOptions {
  /** Tokens of a batch for the protein model, at least 1. */
  readonly proteinTokens: number;
  /** Tokens of a batch for the DNA model, at least 1. */
  readonly dnaTokens: number;
  readonly dnaTokenizer: DnaTokenizer;
  /** Token id of every byte of a protein, see `encodeProteins`. */
  readonly proteinTable: ArrayLike<number>;
}

/** Both encodings of some frames. */
interface EncodedFrames {
  readonly tags: readonly number[];
  readonly dna: PackedTokens;
  readonly protein: PackedTokens;
}

/** Encoded frames [first, last) that belong to the open batch. */
interface BatchPiece {
  readonly frames: EncodedFrames;
  readonly first: number;
  last: number;
}

/**
 * Packs frames into batches: each holds, in the order of arrival, as many frames as fit both budgets; a frame that
 * exceeds a budget gets a batch of its own. Batches depend only on the frames, their order and the calls of `flush`.
 */
export class FrameBatcher {
  readonly #options: FrameBatcherOptions;
  #tags: number[] = [];
  #proteins: Uint8Array[] = [];
  #nucleotides: Uint8Array[] = [];
  #bases = 0;
  #pieces: BatchPiece[] = [];
  #dnaTokens = 0;
  #proteinTokens = 0;

  /** @throws VirnucproError VNP_ARGUMENT */
  constructor(options: FrameBatcherOptions) {
    for (const name of ['proteinTokens', 'dnaTokens'] as const) {
      if (options[name] >= 1) continue;
      throw expected('VNP_ARGUMENT', 'at least 1 token', `the budget ${name}`, String(options[name]));
    }
    this.#options = options;
  }

  /**
   * @param tag the caller's name for the frame, returned with its batch
   * @param frame kept by reference until it is in a batch
   * @returns the batches that are now complete, usually none
   */
  add(tag: number, frame: { readonly protein: Uint8Array; readonly nucleotide: Uint8Array }): readonly FrameBatch[] {
    this.#tags.push(tag);
    this.#proteins.push(frame.protein);
    this.#nucleotides.push(frame.nucleotide);
    this.#bases += frame.nucleotide.length;
    return this.#bases < TOKENIZED_AT_ONCE ? NONE : this.#pack();
  }

  /** @returns batches of all remaining frames; the batcher stays usable */
  flush(): readonly FrameBatch[] {
    const batches = [...this.#pack()];
    if (this.#pieces.length > 0) batches.push(this.#close());
    return batches;
  }

  #encode(): EncodedFrames {
    const tags = this.#tags;
    const dna = encodeDna(this.#nucleotides, this.#options.dnaTokenizer);
    const protein = encodeProteins(this.#proteins, this.#options.proteinTable);
    this.#tags = [];
    this.#proteins = [];
    this.#nucleotides = [];
    this.#bases = 0;
    return { tags, dna, protein };
  }

  #pack(): readonly FrameBatch[] {
    if (this.#tags.length === 0) return NONE;
    const frames = this.#encode();
    const batches: FrameBatch[] = [];
    for (let index = 0; index < frames.tags.length; index++) {
      const dna = frames.dna.offsets[index + 1]! - frames.dna.offsets[index]!;
      const protein = frames.protein.offsets[index + 1]! - frames.protein.offsets[index]!;
      if (this.#pieces.length > 0 && !this.#fits(dna, protein)) batches.push(this.#close());
      this.#dnaTokens += dna;
      this.#proteinTokens += protein;
      const piece = this.#pieces.at(-1);
      if (piece?.frames === frames) piece.last = index + 1;
      else this.#pieces.push({ frames, first: index, last: index + 1 });
    }
    return batches;
  }

  #fits(dna: number, protein: number): boolean {
    const { dnaTokens, proteinTokens } = this.#options;
    return this.#dnaTokens + dna <= dnaTokens && this.#proteinTokens + protein <= proteinTokens;
  }

  #close(): FrameBatch {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#dnaTokens = 0;
    this.#proteinTokens = 0;
    return {
      tags: pieces.flatMap(({ frames, first, last }) => frames.tags.slice(first, last)),
      tokens: {
        dna: joinRanges(pieces.map(({ frames, first, last }) => ({ packed: frames.dna, first, last }))),
        protein: joinRanges(pieces.map(({ frames, first, last }) => ({ packed: frames.protein, first, last }))),
      },
    };
  }
}
