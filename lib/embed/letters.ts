import { setImmediate as nextTurn } from 'node:timers/promises';
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

const ASTERISK = '*'.charCodeAt(0);
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

/** Letters to read in one go: some milliseconds, so that no sequence blocks the event loop for long. */
const READ_AT_ONCE = 1_000_000;

/**
 * Reads a sequence: letters in either case, without blanks and line breaks, and without a `*` after the last letter. In
 * a protein J becomes X; in DNA U becomes T, and gaps (`-`, `.`) are dropped. Copies what it reads.
 */
export async function readLetters(part: LanguageModelPart, sequence: string | Uint8Array): Promise<ReadLetters> {
  const reader = new LetterReader(part, sequence.length);
  for (let start = 0; start < sequence.length; start += READ_AT_ONCE) {
    if (start > 0) await nextTurn();
    const end = start + READ_AT_ONCE;
    // What is no ASCII letter ends the reading, so that up to there a letter is a byte.
    const problem = reader.read(
      typeof sequence === 'string' ? Buffer.from(sequence.slice(start, end)) : sequence.subarray(start, end),
    );
    if (problem !== undefined) return { problem };
  }
  return reader.letters.length > 0 ? { letters: reader.letters } : { problem: 'it has no letters' };
}

class LetterReader {
  readonly #part: LanguageModelPart;
  readonly #letters: Uint8Array;
  /** Bytes before the piece that is read. */
  #position = 0;
  #written = 0;
  /** Position of the first `*`. */
  #star = -1;

  /** @param length of the sequence */
  constructor(part: LanguageModelPart, length: number) {
    this.#part = part;
    this.#letters = new Uint8Array(length);
  }

  get letters(): Uint8Array {
    return this.#letters.subarray(0, this.#written);
  }

  /** Reads the next piece. @returns what is wrong with a byte */
  read(piece: Uint8Array): string | undefined {
    const table = TABLES[this.#part];
    for (let index = 0; index < piece.length; index++) {
      const byte = piece[index]!;
      const meaning = table[byte]!;
      if (meaning === DROPPED) continue;
      if (meaning === STAR) {
        if (this.#star < 0) this.#star = this.#position + index;
        continue;
      }
      if (meaning === STRANGE) return strange(this.#part, byte, this.#position + index);
      if (this.#star >= 0) return strange(this.#part, ASTERISK, this.#star);
      this.#letters[this.#written++] = meaning;
    }
    this.#position += piece.length;
    return undefined;
  }
}

function strange(part: LanguageModelPart, byte: number, position: number): string {
  const shown = byte > 0x20 && byte < 0x7f ? JSON.stringify(String.fromCharCode(byte)) : `the byte ${byte}`;
  return `${shown} at position ${position + 1} is not ${KINDS[part]}`;
}
