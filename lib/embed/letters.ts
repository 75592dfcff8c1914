import type { LanguageModelPart } from '../engine/pool/embedding-work.js';
import { PROTEIN_LETTERS } from '../models/tokenizers.js';

/** The letters of a sequence as a tokenizer takes them, or why they are none. */
export type ReadLetters =
  | { readonly letters: Uint8Array; readonly problem?: undefined }
  | { readonly problem: string; readonly letters?: undefined };

/** What a byte means, where it is not the letter to read it as. */
const DROPPED = 0x80;
/** Allowed after the last letter only: many programs end a translation with it. */
const STAR = 0x81;
const STRANGE = 0xff;

const BLANKS = ' \t\n\v\f\r';

/** The letter to read each byte as, or one of the meanings above. */
function tableOf(letters: string, replaced: Readonly<Record<string, string>>, dropped: string): Uint8Array {
  const table = new Uint8Array(256).fill(STRANGE);
  const enter = (letter: string, meaning: number): void => {
    for (const one of [letter, letter.toLowerCase()]) table[one.charCodeAt(0)] = meaning;
  };
  for (const letter of letters) enter(letter, letter.charCodeAt(0));
  for (const [letter, other] of Object.entries(replaced)) enter(letter, other.charCodeAt(0));
  for (const letter of dropped + BLANKS) enter(letter, DROPPED);
  enter('*', STAR);
  return table;
}

const TABLES: Readonly<Record<LanguageModelPart, Uint8Array>> = {
  // J stands for leucine or isoleucine; ESM-2 knows no such letter, but one for any amino acid.
  protein: tableOf(PROTEIN_LETTERS, { J: 'X' }, ''),
  // As in the input of a prediction: the DNA tokenizer has no token for ambiguous letters, and reads them as unknown.
  dna: tableOf('ACGTRYSWKMBDHVNX', { U: 'T' }, '-.'),
};

const KINDS: Readonly<Record<LanguageModelPart, string>> = { protein: 'an amino acid', dna: 'a nucleotide' };

/**
 * Reads a sequence: letters in either case, without blanks and line breaks, and without a `*` after the last letter. In
 * a protein J becomes X; in DNA U becomes T, and gaps (`-`, `.`) are dropped. Copies what it reads.
 */
export function readLetters(part: LanguageModelPart, sequence: string | Uint8Array): ReadLetters {
  const bytes = typeof sequence === 'string' ? Buffer.from(sequence) : sequence;
  const table = TABLES[part];
  const letters = new Uint8Array(bytes.length);
  let written = 0;
  let star = -1;
  for (let position = 0; position < bytes.length; position++) {
    const meaning = table[bytes[position]!]!;
    if (meaning === DROPPED) continue;
    if (meaning === STAR) {
      if (star < 0) star = position;
      continue;
    }
    if (meaning === STRANGE) return { problem: strange(part, bytes[position]!, position) };
    if (star >= 0) return { problem: strange(part, bytes[star]!, star) };
    letters[written++] = meaning;
  }
  if (written === 0) return { problem: 'it has no letters' };
  return { letters: letters.subarray(0, written) };
}

function strange(part: LanguageModelPart, byte: number, position: number): string {
  const shown = byte > 0x20 && byte < 0x7f ? JSON.stringify(String.fromCharCode(byte)) : `the byte ${byte}`;
  return `${shown} at position ${position + 1} is not ${KINDS[part]}`;
}
