import { HeaderLine, LineCounter } from './text.js';
import { BLANK, BYTE_KINDS, COMMENT_MARK, isLineEnd, LINE_FEED, ORDER_MARK } from './nucleotide-bytes.js';
import type { RecordParser, RecordParserOptions, SequenceRecord } from './record.js';
import { RecordAssembler } from './record.js';
import { FastaForms, HEADER_SIGN, ProteinForms } from './sequence-forms.js';

type State = 'preamble' | 'header' | 'sequence';

export class FastaParser implements RecordParser {
  readonly #assembler: RecordAssembler;
  readonly #header: HeaderLine;
  readonly #lines = new LineCounter();
  #state: State = 'preamble';
  /** Whether the line has had only blanks and byte order marks so far. */
  #isAtLineStart = true;
  #skippedLines = 0;

  constructor(options: RecordParserOptions) {
    this.#assembler = new RecordAssembler(
      options,
      options.letters === 'protein' ? new ProteinForms() : new FastaForms(),
    );
    this.#header = new HeaderLine(options.source);
  }

  get place(): string {
    const line = this.#state === 'sequence' ? this.#assembler.builder.line : this.#lines.line;
    if (this.#state === 'preamble') return `before the first record (line ${line})`;
    return `in record ${this.#assembler.count + 1} (line ${line})`;
  }

  get recordBytes(): number {
    return this.#assembler.recordBytes;
  }

  get skippedLines(): number {
    return this.#skippedLines;
  }

  push(block: Uint8Array): void {
    let position = 0;
    while (position < block.length) {
      if (this.#state === 'sequence') position = this.#readSequence(block, position);
      else if (this.#state === 'header') position = this.#readHeader(block, position);
      else position = this.#skipPreamble(block, position);
    }
  }

  finish(): void {
    if (this.#state === 'header') this.#endHeader();
    if (this.#state === 'sequence') this.#assembler.end();
    this.#state = 'preamble';
  }

  take(): SequenceRecord[] {
    return this.#assembler.take();
  }

  abandon(): void {
    this.#assembler.abandon();
  }

  /** Nothing before the first `>` at the start of a line belongs to a record. */
  #skipPreamble(block: Uint8Array, from: number): number {
    for (let position = from; position < block.length; position++) {
      const byte = block[position]!;
      const kind = BYTE_KINDS[byte]!;
      this.#lines.pass(byte);
      if (isLineEnd(byte)) {
        this.#isAtLineStart = true;
      } else if (this.#isAtLineStart && kind !== BLANK && kind !== ORDER_MARK) {
        if (byte === HEADER_SIGN) {
          this.#state = 'header';
          return position + 1;
        }
        this.#isAtLineStart = false;
        if (kind !== COMMENT_MARK) this.#skippedLines++;
      }
    }
    return block.length;
  }

  #readHeader(block: Uint8Array, from: number): number {
    const position = this.#header.read(block, from, this.#assembler.count + 1);
    if (this.#header.ending !== undefined) this.#endHeader();
    return position;
  }

  #endHeader(): void {
    const { ending = LINE_FEED } = this.#header;
    this.#assembler.begin(this.#header.take(), this.#lines.line, ending);
    this.#state = 'sequence';
  }

  #readSequence(block: Uint8Array, from: number): number {
    const { builder } = this.#assembler;
    const position = builder.append(block, from);
    if (position === block.length) return position;
    this.#lines.moveTo(builder.line, LINE_FEED);
    this.#assembler.end();
    this.#state = 'header';
    return position + 1;
  }
}
