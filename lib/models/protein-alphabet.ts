import type { PackedTokens } from '../engine/addon.js';
import { expected } from '../errors.js';

/** Put before and after every protein. */
export const PROTEIN_BEGIN = 0;
export const PROTEIN_END = 2;

/** Rows of ESM-2's token embedding: 4 special tokens, 27 letters and signs, `<null_1>` and `<mask>`. */
export const PROTEIN_VOCABULARY = 33;

/** Ids from 4. */
const LETTERS = 'LAGVSERTIDPKQNFYMHWCXBUZO.-';
const FIRST_LETTER = 4;

const idOfLetter = new Int32Array(256).fill(-1);
for (let index = 0; index < LETTERS.length; index++) idOfLetter[LETTERS.charCodeAt(index)] = FIRST_LETTER + index;

/** Whether ESM-2 has a token for this ASCII letter. Lower case, `J` and `*` have none. */
export function isProteinLetter(code: number): boolean {
  return (idOfLetter[code] ?? -1) >= 0;
}

/**
 * Proteins as ESM-2's tokens, each with its begin and end token, end to end.
 *
 * @param proteins one-letter amino acids in upper case, as ASCII
 * @throws VNP_ARGUMENT for a letter outside the alphabet, naming it and its position. Windows that were translated have none
 */
export function encodeProteins(proteins: readonly Uint8Array[]): PackedTokens {
  const offsets = new Int32Array(proteins.length + 1);
  for (const [index, protein] of proteins.entries()) offsets[index + 1] = offsets[index]! + protein.length + 2;
  const tokens = new Int32Array(offsets[proteins.length]!);
  for (const [index, protein] of proteins.entries()) encodeInto(protein, tokens, offsets[index]!, index);
  return { tokens, offsets };
}

function encodeInto(protein: Uint8Array, tokens: Int32Array, start: number, index: number): void {
  tokens[start] = PROTEIN_BEGIN;
  for (let position = 0; position < protein.length; position++) {
    const id = idOfLetter[protein[position]!]!;
    if (id < 0) throw unknownLetter(protein[position]!, index, position);
    tokens[start + 1 + position] = id;
  }
  tokens[start + 1 + protein.length] = PROTEIN_END;
}

function unknownLetter(code: number, index: number, position: number): Error {
  return expected(
    'VNP_ARGUMENT',
    `a letter of ESM-2's alphabet (${LETTERS})`,
    `position ${position + 1} of protein ${index + 1}`,
    JSON.stringify(String.fromCharCode(code)),
    'Write letters in upper case; X stands for an unknown amino acid',
  );
}
