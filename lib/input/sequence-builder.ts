import { LetterSlab } from './letter-slab.js';
import { MemorySequence } from './memory-sequence.js';
import type { StoredSequence } from './record.js';
import { SequenceSpool, SpooledSequence } from './spooled-sequence.js';

export const LINE_FEED = 10;
export const CARRIAGE_RETURN = 13;
export const HEADER_MARK = 62;

/** Letters that there is room for at first, and again after a long sequence. */
const INITIAL_ROOM = 64 * 1024;

const BASE = 0;
const OTHER_LETTER = 1;
const WHITE_SPACE = 2;
const MARK = 3;

/** What a byte of a sequence is. */
const KINDS = new Uint8Array(256).fill(OTHER_LETTER);
for (const letter of 'ACGTacgt') KINDS[letter.charCodeAt(0)] = BASE;
for (const byte of [9, LINE_FEED, 11, 12, CARRIAGE_RETURN, 32]) KINDS[byte] = WHITE_SPACE;
KINDS[HEADER_MARK] = MARK;

export interface SequenceBuilderOptions {
  /** Letters that one sequence may take in memory; a longer one is spooled. */
  readonly memoryLimit: number;
  /** Folder of the temporary files; the system's unless given. */
  readonly temporaryFolder: string | undefined;
}

/** Gathers the letters of one record after another from blocks of bytes. */
export class SequenceBuilder {
  readonly #options: SequenceBuilderOptions;
  #letters = new Uint8Array(INITIAL_ROOM);
  #used = 0;
  #ambiguous = 0;
  #atLineStart = true;
  #spool: SequenceSpool | undefined;
  readonly #slab = new LetterSlab();

  constructor(options: SequenceBuilderOptions) {
    this.#options = options;
  }

  /** Letters other than A, C, G, T of the record so far. */
  get ambiguous(): number {
    return this.#ambiguous;
  }

  /**
   * Takes the sequence lines in `block` from byte `from` on.
   * @returns the position of the `>` that starts the next record, or the length of the block when there is none
   */
  append(block: Uint8Array, from: number): number {
    this.#makeRoom(block.length - from);
    const letters = this.#letters;
    const end = block.length;
    let used = this.#used;
    let others = 0;
    let position = from;
    for (; position < end; position++) {
      const byte = block[position]!;
      const kind = KINDS[byte]!;
      if (kind <= OTHER_LETTER) {
        letters[used++] = byte;
        others += kind;
      } else if (kind === MARK) {
        if (position === from ? this.#atLineStart : isLineEnd(block[position - 1]!)) break;
        letters[used++] = byte;
        others++;
      }
    }
    this.#used = used;
    this.#ambiguous += others;
    if (position > from) this.#atLineStart = isLineEnd(block[position - 1]!);
    return position;
  }

  /** Ends the record and is ready for the next, which starts at the start of a line. */
  finish(): StoredSequence {
    const spooled = this.#spool !== undefined || this.#used > this.#options.memoryLimit;
    const sequence = spooled ? this.#finishSpool() : this.#finishInMemory();
    this.#reset();
    return sequence;
  }

  /** Drops the record that was begun. */
  abandon(): void {
    this.#spool?.close();
    this.#reset();
  }

  #reset(): void {
    this.#used = 0;
    this.#ambiguous = 0;
    this.#atLineStart = true;
    this.#spool = undefined;
  }

  #finishInMemory(): StoredSequence {
    const letters = this.#slab.take(this.#used);
    letters.set(this.#letters.subarray(0, this.#used));
    return new MemorySequence(letters);
  }

  #finishSpool(): StoredSequence {
    this.#spill();
    this.#letters = new Uint8Array(INITIAL_ROOM);
    return new SpooledSequence(this.#spool!);
  }

  #spill(): void {
    this.#spool ??= new SequenceSpool(this.#options.temporaryFolder);
    this.#spool.write(this.#letters.subarray(0, this.#used));
    this.#used = 0;
  }

  #makeRoom(count: number): void {
    if (this.#used + count <= this.#letters.length) return;
    if (this.#spool !== undefined || this.#used > this.#options.memoryLimit) this.#spill();
    if (this.#used + count <= this.#letters.length) return;
    const limit = this.#options.memoryLimit + count;
    const grown = new Uint8Array(Math.max(this.#used + count, Math.min(2 * this.#letters.length, limit)));
    grown.set(this.#letters.subarray(0, this.#used));
    this.#letters = grown;
  }
}

function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}
