import { LetterSlab } from './letter-slab.js';
import { MemorySequence } from './memory-sequence.js';
import type { StoredSequence } from './record.js';
import { SequenceSpool, SpooledSequence } from './spooled-sequence.js';

export const LINE_FEED = 10;
export const CARRIAGE_RETURN = 13;

/** Letters that there is room for at first, and again after a long sequence. */
const INITIAL_ROOM = 64 * 1024;

const BASE = 0;
const OTHER_LETTER = 1;
const WHITE_SPACE = 2;
const LINE_END = 3;
const RETURN = 4;
const MARK = 5;
const PROTEIN_LETTER = 6;
const NO_TEXT = 7;

/** The letters that stand for amino acids and for no nucleotide, nor for one that is not known (X). */
export const PROTEIN_LETTERS = 'EFIJLOPQZefijlopqz';

/** What a byte of a sequence is. */
const KINDS = new Uint8Array(256).fill(OTHER_LETTER).fill(NO_TEXT, 0, 32).fill(NO_TEXT, 127);
for (const letter of 'ACGTacgt') KINDS[letter.charCodeAt(0)] = BASE;
for (const letter of PROTEIN_LETTERS) KINDS[letter.charCodeAt(0)] = PROTEIN_LETTER;
for (const byte of [9, 11, 12, 32]) KINDS[byte] = WHITE_SPACE;
KINDS[LINE_FEED] = LINE_END;
KINDS[CARRIAGE_RETURN] = RETURN;
// One table for all formats: the loop is faster over one that is known when it is compiled.
for (const mark of '>@+') KINDS[mark.charCodeAt(0)] = MARK;

/** What begins a FASTA header; within a line of letters it is one that has lost the line end before it. */
export const HEADER_SIGN = '>'.charCodeAt(0);

/** A byte that no sequence has, and the line that it is in. */
export interface StrangeByte {
  readonly byte: number;
  readonly line: number;
}

export interface SequenceBuilderOptions {
  /** Letters that one sequence may take in memory; a longer one is spooled. */
  readonly memoryLimit: number;
  /** Folder of the temporary files; the system's unless given. */
  readonly temporaryFolder: string | undefined;
}

/** What a nucleotide sequence does not have. */
export interface SequenceFindings {
  /** Letters that stand for amino acids only. */
  readonly protein: number;
  /** The first byte that no sequence has: a control character, one that is not ASCII, or HEADER_SIGN. */
  readonly strangeByte: StrangeByte | undefined;
}

/** Gathers the letters of one record after another from blocks of bytes. */
export class SequenceBuilder {
  readonly #options: SequenceBuilderOptions;
  readonly #mark: number;
  readonly #otherMark: number;
  #letters = new Uint8Array(INITIAL_ROOM);
  #used = 0;
  #spooled = 0;
  #ambiguous = 0;
  #protein = 0;
  #strangeByte: StrangeByte | undefined;
  #lastByte = LINE_FEED;
  #line = 0;
  #spool: SequenceSpool | undefined;
  readonly #slab = new LetterSlab();

  /** @param marks one or two signs that start the line that ends a sequence, of `>`, `@` and `+` */
  constructor(options: SequenceBuilderOptions, marks: string) {
    this.#options = options;
    this.#mark = marks.charCodeAt(0);
    this.#otherMark = marks.charCodeAt(marks.length - 1);
  }

  /** Letters of the record so far. */
  get length(): number {
    return this.#spooled + this.#used;
  }

  /** Letters other than A, C, G, T of the record so far. */
  get ambiguous(): number {
    return this.#ambiguous;
  }

  /** What may be wrong with the record so far; undefined when nothing is. */
  get findings(): SequenceFindings | undefined {
    if (this.#protein === 0 && this.#strangeByte === undefined) return undefined;
    return { protein: this.#protein, strangeByte: this.#strangeByte };
  }

  /** The line, from 1, that the next byte is in. */
  get line(): number {
    return this.#line;
  }

  /** The sequence begins in this line, behind this byte: its line end. */
  begin(line: number, lastByte: number): void {
    this.#line = line;
    this.#lastByte = lastByte;
  }

  /**
   * Takes the sequence lines in `block` from byte `from` on.
   * @returns the position of the mark that ends the sequence, or the length of the block when there is none
   */
  append(block: Uint8Array, from: number): number {
    this.#makeRoom(block.length - from);
    const letters = this.#letters;
    const end = block.length;
    let used = this.#used;
    let others = 0;
    // The LF of a CRLF that was cut in two: the line was counted with the CR.
    let lines = this.#lastByte === CARRIAGE_RETURN && block[from] === LINE_FEED ? -1 : 0;
    let position = from;
    for (; position < end; position++) {
      const byte = block[position]!;
      const kind = KINDS[byte]!;
      if (kind <= OTHER_LETTER) {
        letters[used++] = byte;
        others += kind;
      } else if (kind === LINE_END) {
        lines++;
      } else if (kind === RETURN) {
        if (block[position + 1] !== LINE_FEED) lines++;
      } else if (kind >= MARK) {
        const isAtLineStart = isLineEnd(position === from ? this.#lastByte : block[position - 1]!);
        if (isAtLineStart && (byte === this.#mark || byte === this.#otherMark)) break;
        this.#note(kind, byte, this.#line + lines);
        letters[used++] = byte;
        others++;
      }
    }
    this.#used = used;
    this.#ambiguous += others;
    this.#line += lines;
    if (position > from) this.#lastByte = block[position - 1]!;
    return position;
  }

  #note(kind: number, byte: number, line: number): void {
    if (kind === PROTEIN_LETTER) this.#protein++;
    else if (kind === NO_TEXT || byte === HEADER_SIGN) this.#strangeByte ??= { byte, line };
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
    this.#spooled = 0;
    this.#ambiguous = 0;
    this.#protein = 0;
    this.#strangeByte = undefined;
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
    this.#spooled += this.#used;
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

export function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}
