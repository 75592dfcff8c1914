import { BLANK, BYTE_KINDS, isLineEnd } from './nucleotide-bytes.js';
import { nameOf, placeOf } from './record-problem.js';
import type { StrangeByte } from './sequence-forms.js';

/** Qualities are printable characters, from `!` to `~`. */
const LOWEST = 33;
const HIGHEST = 126;

/** The quality of one FASTQ record, as far as it was read. */
export class FastqQuality {
  /** Values that it should have: one for each character of the sequence. */
  readonly expected: number;
  #values = 0;
  #lines = 0;
  #column = 0;
  /** Blanks since the last value; at the end of a line they mean nothing. */
  #blanks = 0;
  #blank: StrangeByte | undefined;
  #strange: StrangeByte | undefined;

  constructor(expected: number) {
    this.expected = expected;
  }

  /** Lines that are at their end. */
  get lines(): number {
    return this.#lines;
  }

  get isAtLineStart(): boolean {
    return this.#column === 0;
  }

  get isWhole(): boolean {
    return this.#values >= this.expected;
  }

  /** What is wrong with it, should it be at its end; empty when nothing is. @param headerLine of its record */
  problem(headerLine: number): string {
    if (this.#strange) return `a byte that no quality has (${nameOf(this.#strange.byte)}) in ${placeOf(this.#strange)}`;
    if (this.#values === this.expected) return '';
    return `${this.#values} quality values for ${this.expected} letters in the record of line ${headerLine}`;
  }

  /**
   * Reads on in a line.
   * @param line its number
   * @param most of the values that may be read in all
   * @returns the position of the line end, of the value that would be one too many, or the length of the block
   */
  read(block: Uint8Array, from: number, line: number, most: number): number {
    let position = this.#blanks === 0 ? endOfValues(block, from, most - this.#values) : from;
    let values = this.#values + position - from;
    for (; position < block.length; position++) {
      const byte = block[position]!;
      if (isLineEnd(byte)) break;
      const column = this.#column + position - from + 1;
      if (BYTE_KINDS[byte] === BLANK) {
        this.#blank ??= { byte, line, column };
        this.#blanks++;
        continue;
      }
      if (values + this.#blanks >= most) break;
      values += 1 + this.#blanks;
      if (this.#blank) this.#strange ??= this.#blank;
      if (byte < LOWEST || byte > HIGHEST) this.#strange ??= { byte, line, column };
      this.#blank = undefined;
      this.#blanks = 0;
    }
    this.#values = values;
    this.#column += position - from;
    return position;
  }

  endLine(): void {
    this.#lines++;
    this.#column = 0;
    this.#blanks = 0;
    this.#blank = undefined;
  }
}

/** @returns the position behind the values, at most so many, that come one after another */
function endOfValues(block: Uint8Array, from: number, most: number): number {
  const end = Math.min(block.length, from + most);
  let position = from;
  while (position < end && block[position]! >= LOWEST && block[position]! <= HIGHEST) position++;
  return position;
}
