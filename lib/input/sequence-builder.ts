import { DroppedSequence, LetterSlab, MemorySequence, SequenceSpool, SpooledSequence } from './stored-sequence.js';
import {
  AMBIGUOUS,
  BASE,
  BYTE_KINDS,
  CARRIAGE_RETURN,
  endOfLine,
  LINE_END,
  LINE_FEED,
  RETURN,
  URACIL,
} from './nucleotide-bytes.js';
import type { StoredSequence } from './record.js';
import { DROP, DROP_LINE, END_SEQUENCE, KEEP } from './sequence-forms.js';
import type { SequenceForms, StrangeByte } from './sequence-forms.js';

/** Initial room for letters, restored after a long sequence. */
const INITIAL_ROOM = 64 * 1024;

const ANY_BASE = 'N'.charCodeAt(0);

export interface SequenceBuilderOptions {
  /** Maximum letters of a sequence in memory; a longer one is spooled. */
  readonly memoryLimit: number;
  /** Folder of the temporary files. Default the system's. */
  readonly temporaryFolder: string | undefined;
  /** Maximum letters of a sequence; those of a longer one are counted, not kept. Default no limit. */
  readonly maxLength?: number | undefined;
}

/** The letters of one record, and what was noticed about them. */
export interface BuiltSequence {
  readonly sequence: StoredSequence;
  /** Letters other than A, C, G, T, U, in either case. */
  readonly ambiguous: number;
  readonly uracil: number;
  /** Gap characters, which are not among the letters. */
  readonly gaps: number;
  /** Letters that stand for amino acids only. */
  readonly protein: number;
  /** The first byte that no nucleotide sequence has. */
  readonly strangeByte: StrangeByte | undefined;
  /** Whether it is longer than `maxLength`: its letters cannot be read. */
  readonly isTooLong: boolean;
}

/** Gathers the letters of one record after another from blocks of bytes. */
export class SequenceBuilder {
  readonly #options: SequenceBuilderOptions;
  readonly #forms: SequenceForms;
  #letters = new Uint8Array(INITIAL_ROOM);
  #used = 0;
  #spooled = 0;
  /** Letters of a sequence that is too long. */
  #dropped = 0;
  #ambiguous = 0;
  #uracil = 0;
  #lastByte = LINE_FEED;
  #line = 0;
  /** Bytes and letters of the current line so far. */
  #bytesOnLine = 0;
  #lettersOnLine = 0;
  #isDroppingLine = false;
  #spool: SequenceSpool | undefined;
  readonly #slab = new LetterSlab();

  /** @param forms what the format's lines may have besides letters */
  constructor(options: SequenceBuilderOptions, forms: SequenceForms) {
    this.#options = options;
    this.#forms = forms;
  }

  /** Letters of the record so far. */
  get length(): number {
    return this.#dropped + this.#spooled + this.#used;
  }

  /** Characters of the record so far that have a quality in FASTQ. Final after a line end. */
  get characters(): number {
    return this.length + this.#forms.unread;
  }

  /** The line, from 1, that the next byte is in. */
  get line(): number {
    return this.#line;
  }

  /** Begins a sequence in `line`, after the header's line end, `lastByte`. */
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
    const forms = this.#forms;
    const end = block.length;
    const stored = this.#dropped + this.#spooled;
    let used = this.#used;
    let others = 0;
    let uracil = 0;
    // The LF of a CRLF split between two blocks: its CR has counted the line.
    let lines = this.#lastByte === CARRIAGE_RETURN && block[from] === LINE_FEED ? -1 : 0;
    let lineStart = from - this.#bytesOnLine;
    let usedBeforeLine = used - this.#lettersOnLine;
    let position = this.#isDroppingLine ? this.#dropLine(block, from) : from;
    for (; position < end; position++) {
      const copied = copyBases(block, position, letters, used);
      position += copied;
      used += copied;
      if (position === end) break;
      const byte = block[position]!;
      const kind = BYTE_KINDS[byte]!;
      if (kind <= AMBIGUOUS) {
        letters[used++] = byte;
        others += kind;
      } else if (kind === LINE_END || (kind === RETURN && block[position + 1] !== LINE_FEED)) {
        if (forms.isOdd) forms.endLine(stored + used);
        lines++;
        lineStart = position + 1;
        usedBeforeLine = used;
      } else if (kind === URACIL) {
        letters[used++] = byte;
        uracil++;
      } else if (kind !== RETURN) {
        const effect = forms.take({
          byte,
          kind,
          line: this.#line + lines,
          column: position - lineStart + 1,
          letters: stored + used,
          lettersOnLine: used - usedBeforeLine,
          previous: position === from ? this.#lastByte : block[position - 1]!,
        });
        if (effect === END_SEQUENCE) break;
        if (effect === DROP_LINE) position = this.#dropLine(block, position) - 1;
        else if (effect !== DROP) {
          letters[used++] = effect === KEEP ? byte : ANY_BASE;
          others++;
        }
      }
    }
    this.#used = used;
    this.#ambiguous += others;
    this.#uracil += uracil;
    this.#line += lines;
    this.#bytesOnLine = position - lineStart;
    this.#lettersOnLine = used - usedBeforeLine;
    if (position > from) this.#lastByte = block[position - 1]!;
    if (this.#isTooLong) this.#drop();
    return position;
  }

  get #isTooLong(): boolean {
    return this.length > (this.#options.maxLength ?? Infinity);
  }

  /** Frees the letters so far, which only count from now on. */
  #drop(): void {
    this.#dropped = this.length;
    this.#used = 0;
    this.#spooled = 0;
    this.#spool?.close();
    this.#spool = undefined;
  }

  /** Ends the record and prepares for the next, which begins at the start of a line. */
  finish(): BuiltSequence {
    const forms = this.#forms;
    forms.endRecord(this.length);
    const isTooLong = this.#isTooLong;
    const sequence = isTooLong ? new DroppedSequence(this.length) : this.#finishSequence();
    const { gaps, protein, strangeByte } = forms;
    const counts = { ambiguous: this.#ambiguous, uracil: this.#uracil, gaps, protein };
    const built = { sequence, ...counts, strangeByte, isTooLong };
    this.#reset();
    return built;
  }

  /** Drops the unfinished record. */
  abandon(): void {
    this.#spool?.close();
    this.#reset();
  }

  #reset(): void {
    this.#used = 0;
    this.#spooled = 0;
    this.#dropped = 0;
    this.#ambiguous = 0;
    this.#uracil = 0;
    this.#bytesOnLine = 0;
    this.#lettersOnLine = 0;
    this.#isDroppingLine = false;
    this.#spool = undefined;
    this.#forms.reset();
  }

  /** @returns the position of the line's end, or the length of the block, when the next block begins in this line */
  #dropLine(block: Uint8Array, from: number): number {
    const position = endOfLine(block, from);
    this.#isDroppingLine = position === block.length;
    return position;
  }

  #finishSequence(): StoredSequence {
    const isSpooled = this.#spool !== undefined || this.#used > this.#options.memoryLimit;
    return isSpooled ? this.#finishSpool() : this.#finishInMemory();
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

/**
 * Copies bases for as long as the next four bytes are bases. Nearly every byte is, so this halved the time.
 * @returns how many were copied
 */
function copyBases(block: Uint8Array, from: number, letters: Uint8Array, to: number): number {
  const last = block.length - 4;
  let position = from;
  for (let used = to; position <= last; position += 4, used += 4) {
    const first = block[position]!;
    const second = block[position + 1]!;
    const third = block[position + 2]!;
    const fourth = block[position + 3]!;
    if ((BYTE_KINDS[first]! | BYTE_KINDS[second]! | BYTE_KINDS[third]! | BYTE_KINDS[fourth]!) !== BASE) break;
    letters[used] = first;
    letters[used + 1] = second;
    letters[used + 2] = third;
    letters[used + 3] = fourth;
  }
  return position - from;
}
