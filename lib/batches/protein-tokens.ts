import { expected } from '../errors.js';
import type { PackedTokens } from './packed-tokens.js';

/** ESM-2's ids before and after every protein (`<cls>`, `<eos>`). */
export const BEGIN_TOKEN = 0;
export const END_TOKEN = 2;

/** Tokens that a protein has besides its letters. */
export const PROTEIN_EXTRA_TOKENS = 2;

/** Ids from this one on, and those below 0, mean in a table of letters that the letter is not in the alphabet. */
export const NOT_IN_ALPHABET = 0xff;

/**
 * Token ids of proteins: BEGIN_TOKEN, one token a letter, END_TOKEN.
 * @param proteins ASCII letters
 * @param table id of every byte, 256 of them; NOT_IN_ALPHABET or more, or less than 0, for a byte without one
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
