import { CONTENT_BYTES, recordFormat } from './content.js';
import type { LetterKind, RecordFormat } from './content.js';
import { FastaParser } from './fasta-parser.js';
import { FastqParser } from './fastq-parser.js';
import type { RecordParser, RecordParserOptions } from './record-parser.js';

export function parserFor(format: RecordFormat, options: RecordParserOptions): RecordParser {
  return format === 'fastq' ? new FastqParser(options) : new FastaParser(options);
}

const NO_BLOCKS: readonly Uint8Array[] = [];

/** Holds back the start of an input's content until there is enough of it to tell what it is. */
export class ContentGate {
  readonly #path: string;
  readonly #letters: LetterKind;
  #head: Uint8Array | undefined;
  #filled = 0;
  #format: RecordFormat | undefined;

  constructor(path: string, letters: LetterKind = 'dna') {
    this.#path = path;
    this.#letters = letters;
  }

  /** Undefined until it is known. */
  get format(): RecordFormat | undefined {
    return this.#format;
  }

  /** What was held back, valid until the next `add`. */
  get held(): Uint8Array {
    return this.#head?.subarray(0, this.#filled) ?? new Uint8Array(0);
  }

  /**
   * @returns what can be parsed now, none while the format is not known
   * @throws VirnucproError VNP_INPUT_FORMAT
   */
  add(block: Uint8Array): readonly Uint8Array[] {
    if (this.#format !== undefined) return [block];
    if (this.#filled === 0 && block.length >= CONTENT_BYTES) {
      this.#format = recordFormat(this.#path, block.subarray(0, CONTENT_BYTES), false, this.#letters);
      return [block];
    }
    this.#head ??= new Uint8Array(CONTENT_BYTES);
    const part = block.subarray(0, CONTENT_BYTES - this.#filled);
    this.#head.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled < CONTENT_BYTES) return NO_BLOCKS;
    return [...this.#open(false), block.subarray(part.length)];
  }

  /**
   * Nothing more comes.
   * @param whole whether that is because the input is at its end
   */
  end(whole: boolean): readonly Uint8Array[] {
    return this.#format === undefined ? this.#open(whole) : NO_BLOCKS;
  }

  #open(whole: boolean): readonly Uint8Array[] {
    const head = this.held;
    this.#format = recordFormat(this.#path, head, whole, this.#letters);
    this.#head = undefined;
    this.#filled = 0;
    return [head];
  }
}
