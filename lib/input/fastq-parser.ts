import { expected } from '../errors.js';
import type { VirnucproError } from '../errors.js';
import { HeaderLine } from './header-line.js';
import { LineCounter } from './line-counter.js';
import type { SequenceRecord } from './record.js';
import { RecordAssembler } from './record-assembler.js';
import type { RecordParser, RecordParserOptions } from './record-parser.js';
import { LINE_FEED } from './sequence-builder.js';
import { inputName, quoteStart } from './text.js';

const HEADER_MARK = 64;
const SEPARATOR_MARK = 43;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const SPACE = 32;

type State = 'between' | 'header' | 'sequence' | 'separator' | 'quality';

/**
 * FASTQ with sequences and qualities of one line or of several. A quality line can start with any sign, so its end is
 * told by its length; where that is wrong, by a header in the place where a quality of as many lines as the sequence
 * would have ended.
 */
export class FastqParser implements RecordParser {
  readonly #source: string;
  readonly #assembler: RecordAssembler;
  readonly #header: HeaderLine;
  readonly #lines = new LineCounter();
  #state: State = 'between';
  #byteOrderMarkSeen = 0;
  #headerLine = 1;
  /** Lines of the sequence, letters of it, and the same of its quality so far. */
  #sequenceLines = 0;
  #letters = 0;
  #qualityLines = 0;
  #quality = 0;
  #isAtLineStart = true;

  constructor(options: RecordParserOptions) {
    this.#source = options.source;
    this.#assembler = new RecordAssembler(options, '+@');
    this.#header = new HeaderLine(options.source);
  }

  get place(): string {
    const line = this.#state === 'sequence' ? this.#assembler.builder.line : this.#lines.line;
    return `in record ${this.#assembler.count + 1} (line ${line})`;
  }

  get recordBytes(): number {
    return this.#assembler.recordBytes;
  }

  push(block: Uint8Array): void {
    let position = 0;
    while (position < block.length) {
      switch (this.#state) {
        case 'between':
          position = this.#skipBlank(block, position);
          break;
        case 'header':
          position = this.#readHeader(block, position);
          break;
        case 'sequence':
          position = this.#readSequence(block, position);
          break;
        case 'separator':
          position = this.#skipSeparator(block, position);
          break;
        case 'quality':
          position = this.#readQuality(block, position);
      }
    }
  }

  finish(): void {
    if (this.#state === 'header' || this.#state === 'sequence') {
      throw this.#broken('a line that starts with "+" and a quality', 'the end of the input');
    }
    if (this.#state !== 'between') this.#endRecord();
  }

  take(): SequenceRecord[] {
    return this.#assembler.take();
  }

  abandon(): void {
    this.#assembler.abandon();
  }

  #broken(what: string, received: string): VirnucproError {
    const next = 'Check that the file is whole, and FASTQ';
    return expected('VNP_INPUT_FORMAT', what, `FASTQ ${inputName(this.#source)}`, `${received}, ${this.place}`, next);
  }

  #skipBlank(block: Uint8Array, from: number): number {
    for (let position = from; position < block.length; position++) {
      const byte = block[position]!;
      if (byte === BYTE_ORDER_MARK[this.#byteOrderMarkSeen]) {
        this.#byteOrderMarkSeen++;
      } else if (byte === HEADER_MARK) {
        this.#beginHeader();
        return position + 1;
      } else if (byte <= SPACE && byte !== 0) {
        this.#lines.pass(byte);
      } else {
        throw this.#broken(
          'a header line that starts with "@"',
          `one that starts with ${quoteStart(Uint8Array.of(byte))}`,
        );
      }
    }
    return block.length;
  }

  #beginHeader(): void {
    this.#byteOrderMarkSeen = BYTE_ORDER_MARK.length;
    this.#headerLine = this.#lines.line;
    this.#state = 'header';
  }

  #readHeader(block: Uint8Array, from: number): number {
    const position = this.#header.read(block, from, this.#assembler.count + 1);
    const { ending } = this.#header;
    if (ending === undefined) return position;
    this.#assembler.begin(this.#header.take(), this.#headerLine, ending);
    this.#state = 'sequence';
    return position;
  }

  #readSequence(block: Uint8Array, from: number): number {
    const { builder } = this.#assembler;
    const position = builder.append(block, from);
    if (position === block.length) return position;
    if (block[position] !== SEPARATOR_MARK) {
      throw this.#broken('a line that starts with "+" after the sequence', 'one that starts with "@"');
    }
    this.#lines.moveTo(builder.line, LINE_FEED);
    this.#sequenceLines = builder.line - this.#headerLine - 1;
    this.#letters = builder.length;
    this.#qualityLines = 0;
    this.#quality = 0;
    this.#state = 'separator';
    return position + 1;
  }

  #skipSeparator(block: Uint8Array, from: number): number {
    for (let position = from; position < block.length; position++) {
      if (!this.#lines.pass(block[position]!)) continue;
      this.#isAtLineStart = true;
      this.#state = 'quality';
      return position + 1;
    }
    return block.length;
  }

  #readQuality(block: Uint8Array, from: number): number {
    for (let position = from; position < block.length; position++) {
      const byte = block[position]!;
      if (byte > SPACE) {
        if (this.#isAtLineStart && byte === HEADER_MARK && this.#mayHaveEnded) {
          this.#endRecord();
          this.#beginHeader();
          return position + 1;
        }
        this.#isAtLineStart = false;
        this.#quality++;
        this.#lines.lastByte = byte;
      } else if (this.#lines.pass(byte)) {
        this.#isAtLineStart = true;
        this.#qualityLines++;
        if (this.#quality < this.#letters) continue;
        this.#endRecord();
        return position + 1;
      }
    }
    return block.length;
  }

  get #mayHaveEnded(): boolean {
    return this.#letters === 0 || this.#qualityLines >= this.#sequenceLines;
  }

  #endRecord(): void {
    const isWhole = this.#quality === this.#letters;
    this.#assembler.end(
      isWhole
        ? ''
        : `${this.#quality} quality values for ${this.#letters} letters in the record of line ${this.#headerLine}`,
    );
    this.#state = 'between';
  }
}
