import { NOT_IN_ALPHABET } from '../batches/tokens.js';

/** The letters that ESM-2 has tokens for; lower case, `J` and `*` have none. */
export const PROTEIN_LETTERS = 'LAGVSERTIDPKQNFYMHWCXBUZO.-';

/** Rows of ESM-2's token embedding: 4 special tokens, the letters, `<null_1>` and `<mask>`. */
export const PROTEIN_VOCABULARY = 33;

/** `<cls>` 0, `<pad>` 1, `<eos>` 2 and `<unk>` 3 come first. */
const FIRST_LETTER = 4;

/**
 * ESM-2's token of every byte, NOT_IN_ALPHABET for a byte without one. A frame that was translated has only letters with
 * tokens; in proteins from elsewhere a letter without one is an error, as in the original, and is never read as `<unk>`.
 */
export const PROTEIN_TOKENS: Uint8Array = letterTable();

function letterTable(): Uint8Array {
  const table = new Uint8Array(256).fill(NOT_IN_ALPHABET);
  for (let index = 0; index < PROTEIN_LETTERS.length; index++) {
    table[PROTEIN_LETTERS.charCodeAt(index)] = FIRST_LETTER + index;
  }
  return table;
}
