import { expected } from '../errors.js';

/** Sequences of token ids laid end to end: sequence i is `tokens[offsets[i]..offsets[i+1]]`. */
export interface PackedTokens {
  tokens: Int32Array;
  /** One more than the number of sequences; the first is 0. */
  offsets: Int32Array;
}

/** Sequences [first, last) of a PackedTokens. */
interface PackedRange {
  readonly packed: PackedTokens;
  readonly first: number;
  readonly last: number;
}

/** Copies the sequences of several ranges, one after another. */
export function joinRanges(ranges: readonly PackedRange[]): PackedTokens {
  let sequences = 0;
  let size = 0;
  for (const { packed, first, last } of ranges) {
    sequences += last - first;
    size += packed.offsets[last]! - packed.offsets[first]!;
  }
  const tokens = new Int32Array(size);
  const offsets = new Int32Array(sequences + 1);
  let sequence = 0;
  let written = 0;
  for (const { packed, first, last } of ranges) {
    const start = packed.offsets[first]!;
    tokens.set(packed.tokens.subarray(start, packed.offsets[last]), written);
    for (let index = first; index < last; index++) {
      offsets[++sequence] = written + packed.offsets[index + 1]! - start;
    }
    written = offsets[sequence]!;
  }
  return { tokens, offsets };
}

/** Turns bases into tokens, many sequences in one call. */
export interface DnaTokenizer {
  /**
   * @param text the sequences end to end, as ASCII letters
   * @param offsets n+1 byte positions in `text`: sequence i is `text[offsets[i]..offsets[i+1]]`
   */
  encode(text: Uint8Array, offsets: Int32Array): PackedTokens;
}

/** Encodes sequences that are not contiguous in memory. */
export function encodeDna(sequences: readonly Uint8Array[], tokenizer: DnaTokenizer): PackedTokens {
  const offsets = new Int32Array(sequences.length + 1);
  for (let index = 0; index < sequences.length; index++)
    offsets[index + 1] = offsets[index]! + sequences[index]!.length;
  const text = new Uint8Array(offsets[sequences.length]!);
  for (let index = 0; index < sequences.length; index++) text.set(sequences[index]!, offsets[index]);
  return tokenizer.encode(text, offsets);
}

/** ESM-2's ids before and after every protein (`<cls>`, `<eos>`). */
const BEGIN_TOKEN = 0;
const END_TOKEN = 2;

/** Tokens of a protein in addition to its letters. */
const PROTEIN_EXTRA_TOKENS = 2;

/** In a table of ids, this value or more, or a negative one, marks a letter that is not in the alphabet. */
export const NOT_IN_ALPHABET = 0xff;

/**
 * Token ids of proteins: BEGIN_TOKEN, one token a letter, END_TOKEN.
 * @param proteins ASCII letters
 * @param table 256 ids, one for each byte; NOT_IN_ALPHABET or more, or negative, for a byte without one
 * @throws VirnucproError VNP_ARGUMENT for a letter that is not in the alphabet
 */
export function encodeProteins(proteins: readonly Uint8Array[], table: ArrayLike<number>): PackedTokens {
  let size = 0;
  for (const protein of proteins) size += protein.length + PROTEIN_EXTRA_TOKENS;
  const tokens = new Int32Array(size);
  const offsets = new Int32Array(proteins.length + 1);
  let written = 0;
  for (let index = 0; index < proteins.length; index++) {
    const protein = proteins[index]!;
    tokens[written++] = BEGIN_TOKEN;
    for (let position = 0; position < protein.length; position++) {
      const id = table[protein[position]!] ?? NOT_IN_ALPHABET;
      if (!(id >= 0 && id < NOT_IN_ALPHABET)) throw strangeLetter(protein[position]!);
      tokens[written++] = id;
    }
    tokens[written++] = END_TOKEN;
    offsets[index + 1] = written;
  }
  return { tokens, offsets };
}

function strangeLetter(byte: number): Error {
  const letter = JSON.stringify(String.fromCharCode(byte));
  return expected('VNP_ARGUMENT', 'letters of the alphabet', 'a protein to tokenize', letter);
}
