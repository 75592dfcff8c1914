import { encodeDna, encodeProteins } from './tokens.js';
import type { DnaTokenizer, PackedTokens } from './tokens.js';

/** Both encodings of some frames: sequence i of each is frame i. */
export interface EncodedFrames {
  readonly dna: PackedTokens;
  readonly protein: PackedTokens;
}

/** The letters of a frame, as ASCII. */
export interface FrameLetters {
  readonly protein: Uint8Array;
  readonly nucleotide: Uint8Array;
}

export interface FrameEncoding {
  readonly dnaTokenizer: DnaTokenizer;
  /** Token id of every byte of a protein, see `encodeProteins`. */
  readonly proteinTable: ArrayLike<number>;
}

/** Tokenizes frames, for both models. */
export function encodeFrames(
  frames: readonly FrameLetters[],
  { dnaTokenizer, proteinTable }: FrameEncoding,
): EncodedFrames {
  return {
    dna: encodeDna(
      frames.map(({ nucleotide }) => nucleotide),
      dnaTokenizer,
    ),
    protein: encodeProteins(
      frames.map(({ protein }) => protein),
      proteinTable,
    ),
  };
}
