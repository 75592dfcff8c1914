import type { StoredContigResult } from '../scoring/results.js';
import { both, type BufferedFile, type Wait } from './buffered-file.js';
import type { ResultWriter } from './buffered-file.js';

const COLUMNS = 60;
const LINE_FEED = 10;

/** Letters of one wrapped block: a multiple of the columns, so that blocks can follow each other. */
export const WRAPPED_BLOCK_LETTERS = COLUMNS * 1000;

/** Bytes of this many letters in lines of 60, including the line ends. */
export function wrappedBytes(letters: number): number {
  return letters + Math.ceil(letters / COLUMNS);
}

/** The letters in lines of 60, each with its line end. */
export function wrapped(letters: Uint8Array): Uint8Array {
  const lines = Math.ceil(letters.length / COLUMNS);
  const text = Buffer.allocUnsafe(wrappedBytes(letters.length));
  for (let line = 0; line < lines; line++) {
    const start = line * COLUMNS;
    const end = Math.min(start + COLUMNS, letters.length);
    text.set(letters.subarray(start, end), start + line);
    text[end + line] = LINE_FEED;
  }
  return text;
}

/** The letters in one line, with its line end. */
export function unwrapped(letters: Uint8Array): Uint8Array {
  const text = Buffer.allocUnsafe(letters.length + 1);
  text.set(letters);
  text[letters.length] = LINE_FEED;
  return text;
}

/** The fields of a record that are written. */
type VirusRecord = Pick<StoredContigResult, 'verdict' | 'header' | 'sequence'>;

/** Writes the records called virus as FASTA, a block of letters at a time, however long a record is. */
export class VirusSequencesWriter implements ResultWriter {
  readonly #file: BufferedFile;

  constructor(file: BufferedFile) {
    this.#file = file;
  }

  contig(result: VirusRecord): Wait {
    if (result.verdict !== 'virus') return undefined;
    const { sequence } = result;
    const room = this.#file.append(`>${result.header}\n`);
    if (sequence.length > WRAPPED_BLOCK_LETTERS) return this.#appendBlocks(result, room);
    return both(room, this.#file.appendBytes(wrapped(sequence.read(0, sequence.length))));
  }

  async #appendBlocks({ sequence }: VirusRecord, room: Wait): Promise<void> {
    await room;
    for (let start = 0; start < sequence.length; start += WRAPPED_BLOCK_LETTERS) {
      const end = Math.min(start + WRAPPED_BLOCK_LETTERS, sequence.length);
      await this.#file.appendBytes(wrapped(sequence.read(start, end)));
    }
  }
}
