import { VirnucproError } from '../errors.js';
import { HeaderLine, inputName, LineCounter, quoteStart } from './text.js';
import { BLANK, BYTE_KINDS, isLineEnd, LINE_FEED, ORDER_MARK } from './nucleotide-bytes.js';
import type { RecordParser, RecordParserOptions, SequenceRecord } from './record.js';
import { nameOf, placeOf, RecordAssembler } from './record.js';
import { FastqForms } from './sequence-forms.js';
import type { StrangeByte } from './sequence-forms.js';

const HEADER_MARK = '@'.charCodeAt(0);
const SEPARATOR_MARK = '+'.charCodeAt(0);

type State = 'between' | 'header' | 'sequence' | 'caption' | 'quality';

/** A line that begins the next record if the quality before it proves too short; otherwise a line of that quality. */
interface PossibleHeader {
  readonly line: number;
  readonly lastByte: number;
  /** What is wrong with the record if its quality ends before this line. */
  readonly problem: string;
  /** The bytes from this line's `@` on: those of earlier blocks, then where the rest begins in the current block. */
  readonly bytes: Uint8Array[];
  from: number;
}

/**
 * FASTQ as Cock et al. define it (Nucleic Acids Research 38, 1767, 2010): sequence and quality may each have one line
 * or several, and a quality line may begin with any character, so the length of the sequence says where the quality
 * ends. If that end cannot be right, the quality ends before the first line that begins with `@` after as many lines as
 * the sequence has, so that one damaged record costs no other.
 */
export class FastqParser implements RecordParser {
  readonly #source: string;
  readonly #assembler: RecordAssembler;
  readonly #header: HeaderLine;
  readonly #caption: HeaderLine;
  readonly #lines = new LineCounter();
  #state: State = 'between';
  #headerLine = 1;
  #title = '';
  #sequenceLines = 0;
  #quality = new FastqQuality(0);
  #captionProblem = '';
  #possible: PossibleHeader | undefined;
  /** Whether the bytes since that line proved not to be quality. */
  #isMistaken = false;

  constructor(options: RecordParserOptions) {
    this.#source = options.source;
    this.#assembler = new RecordAssembler(options, new FastqForms());
    this.#header = new HeaderLine(options.source);
    this.#caption = new HeaderLine(options.source);
  }

  get place(): string {
    const line = this.#state === 'sequence' ? this.#assembler.builder.line : this.#lines.line;
    return `in record ${this.#assembler.count + 1} (line ${line})`;
  }

  get recordBytes(): number {
    return this.#assembler.recordBytes;
  }

  get skippedLines(): number {
    return 0;
  }

  push(block: Uint8Array): void {
    let position = 0;
    while (position < block.length) {
      position = this.#read(block, position);
      if (this.#isMistaken) this.#goBack(block.subarray(0, position));
    }
    const possible = this.#possible;
    if (!possible) return;
    possible.bytes.push(block.slice(possible.from));
    possible.from = 0;
  }

  finish(): void {
    while (this.#state === 'quality' && this.#possible && !this.#quality.isWhole) this.#goBack(new Uint8Array(0));
    if (this.#state === 'header' || this.#state === 'sequence') {
      throw this.#broken('ends without a line that starts with "+" and a quality');
    }
    if (this.#state === 'caption') this.#endCaption();
    if (this.#state === 'quality' || this.#possible) this.#endRecord(this.#problem);
    this.#state = 'between';
  }

  take(): SequenceRecord[] {
    return this.#assembler.take();
  }

  abandon(): void {
    this.#assembler.abandon();
  }

  #read(block: Uint8Array, position: number): number {
    switch (this.#state) {
      case 'between':
        return this.#skipBlank(block, position);
      case 'header':
        return this.#readHeader(block, position);
      case 'sequence':
        return this.#readSequence(block, position);
      case 'caption':
        return this.#readCaption(block, position);
      case 'quality':
        return this.#readQuality(block, position);
    }
  }

  #broken(problem: string): VirnucproError {
    const next = 'Check that the file is complete and is FASTQ';
    const message = `FASTQ ${inputName(this.#source)} ${problem}, ${this.place}. ${next}`;
    return new VirnucproError('VNP_INPUT_FORMAT', message);
  }

  #skipBlank(block: Uint8Array, from: number): number {
    for (let position = from; position < block.length; position++) {
      const byte = block[position]!;
      const kind = BYTE_KINDS[byte]!;
      if (kind === BLANK || kind === ORDER_MARK || isLineEnd(byte)) {
        this.#lines.pass(byte);
      } else if (byte === HEADER_MARK) {
        if (this.#possible) this.#endRecord(this.#problem);
        this.#beginHeader();
        return position + 1;
      } else if (this.#possible) {
        this.#isMistaken = true;
        return position;
      } else {
        const start = quoteStart(Uint8Array.of(byte));
        throw this.#broken(`has a line that starts with ${start} instead of a header, which starts with "@"`);
      }
    }
    return block.length;
  }

  #beginHeader(): void {
    this.#headerLine = this.#lines.line;
    this.#state = 'header';
  }

  #readHeader(block: Uint8Array, from: number): number {
    const position = this.#header.read(block, from, this.#assembler.count + 1);
    const { ending } = this.#header;
    if (ending === undefined) return position;
    this.#title = this.#header.take();
    this.#assembler.begin(this.#title, this.#headerLine, ending);
    this.#state = 'sequence';
    return position;
  }

  #readSequence(block: Uint8Array, from: number): number {
    const { builder } = this.#assembler;
    const position = builder.append(block, from);
    if (position === block.length) return position;
    if (block[position] !== SEPARATOR_MARK) {
      throw this.#broken('has a line that starts with "@" before one that starts with "+"');
    }
    this.#lines.moveTo(builder.line, LINE_FEED);
    this.#sequenceLines = builder.line - this.#headerLine - 1;
    this.#state = 'caption';
    return position + 1;
  }

  #readCaption(block: Uint8Array, from: number): number {
    const position = this.#caption.read(block, from, this.#assembler.count + 1);
    const { ending } = this.#caption;
    if (ending === undefined) return position;
    this.#endCaption();
    this.#lines.pass(ending);
    return position;
  }

  /** Ends the `+` line. Its caption, if any, must be the record's header or its first word. */
  #endCaption(): void {
    const caption = this.#caption.take();
    const isSame = caption === '' || caption === this.#title || caption === this.#title.split(/\s/, 1)[0];
    this.#captionProblem = isSame
      ? ''
      : `a "+" caption that differs from the "@" header in the record of line ${this.#headerLine}`;
    this.#quality = new FastqQuality(this.#assembler.builder.characters);
    this.#state = 'quality';
  }

  #readQuality(block: Uint8Array, from: number): number {
    const quality = this.#quality;
    let position = from;
    while (position < block.length) {
      if (quality.isAtLineStart && block[position] === HEADER_MARK) {
        if (quality.expected === 0) {
          this.#endRecord(this.#problem);
          this.#beginHeader();
          return position + 1;
        }
        if (!this.#possible && quality.lines >= this.#sequenceLines) this.#notePossibleHeader(position);
      }
      const most = this.#possible ? quality.expected : Infinity;
      position = quality.read(block, position, this.#lines.line, most);
      if (position > from) this.#lines.lastByte = block[position - 1]!;
      if (position === block.length) return position;
      if (!isLineEnd(block[position]!)) {
        this.#isMistaken = true;
        return position;
      }
      // The LF of a CRLF does not end another line.
      if (!this.#lines.pass(block[position++]!)) continue;
      quality.endLine();
      if (!quality.isWhole) continue;
      // Only what follows shows whether the quality ends here.
      if (this.#possible) this.#state = 'between';
      else this.#endRecord(this.#problem);
      return position;
    }
    return position;
  }

  #notePossibleHeader(from: number): void {
    const { line, lastByte } = this.#lines;
    this.#possible = { line, lastByte, problem: this.#problem, bytes: [], from };
  }

  /**
   * Ends the record before the possible header, which proved to be one, and reads again from there.
   * @param block the part of the current block that was read
   */
  #goBack(block: Uint8Array): void {
    const { line, lastByte, problem, bytes, from } = this.#possible!;
    this.#isMistaken = false;
    this.#lines.moveTo(line, lastByte);
    this.#endRecord(problem);
    this.#beginHeader();
    this.push(Buffer.concat([...bytes, block.subarray(from)]).subarray(1));
    if (this.#possible) this.#possible.from = block.length;
  }

  get #problem(): string {
    return this.#captionProblem || this.#quality.problem(this.#headerLine);
  }

  #endRecord(problem: string): void {
    this.#assembler.end(problem);
    this.#possible = undefined;
    this.#state = 'between';
  }
}

/** Qualities are printable characters, from `!` to `~`. */
const LOWEST = 33;
const HIGHEST = 126;

/** The quality of one FASTQ record, as far as it has been read. */
class FastqQuality {
  /** Values that it should have: one for each character of the sequence. */
  readonly expected: number;
  #values = 0;
  #lines = 0;
  #column = 0;
  /** Blanks since the last value; ignored at the end of a line. */
  #blanks = 0;
  #blank: StrangeByte | undefined;
  #strange: StrangeByte | undefined;

  constructor(expected: number) {
    this.expected = expected;
  }

  /** Number of complete lines. */
  get lines(): number {
    return this.#lines;
  }

  get isAtLineStart(): boolean {
    return this.#column === 0;
  }

  get isWhole(): boolean {
    return this.#values >= this.expected;
  }

  /** What is wrong if the quality ends here; empty when nothing is. @param headerLine line of the record's header */
  problem(headerLine: number): string {
    if (this.#strange) {
      return `a byte that is not allowed in a quality (${nameOf(this.#strange.byte)}) in ${placeOf(this.#strange)}`;
    }
    if (this.#values === this.expected) return '';
    return `${this.#values} quality values for ${this.expected} letters in the record of line ${headerLine}`;
  }

  /**
   * Continues a line.
   * @param line number of the line
   * @param most maximum number of values in total
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

/** @returns the position after a run of values, at most `most` of them */
function endOfValues(block: Uint8Array, from: number, most: number): number {
  const end = Math.min(block.length, from + most);
  let position = from;
  while (position < end && block[position]! >= LOWEST && block[position]! <= HIGHEST) position++;
  return position;
}
