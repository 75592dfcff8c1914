import { expected } from '../errors.js';
import { decodeText, inputName } from './text.js';
import type { SequenceRecord } from './record.js';
import { CARRIAGE_RETURN, HEADER_MARK, LINE_FEED, SequenceBuilder } from './sequence-builder.js';
import type { SequenceBuilderOptions } from './sequence-builder.js';

/** Bytes that one header line may have. */
export const HEADER_LIMIT = 1024 * 1024;

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

type State = 'preamble' | 'header' | 'sequence';

export interface FastaParserOptions extends SequenceBuilderOptions {
  /** The `source` of the records. */
  readonly source: string;
  /** The `index` of the first record. */
  readonly firstIndex: number;
}

/** Turns the bytes of one input, cut into blocks anywhere, into its records. */
export class FastaParser {
  readonly #options: FastaParserOptions;
  readonly #builder: SequenceBuilder;
  #state: State = 'preamble';
  #atLineStart = true;
  #byteOrderMarkSeen = 0;
  #headerPieces: Uint8Array[] = [];
  #headerBytes = 0;
  #header = '';
  #complete: SequenceRecord[] = [];
  #index: number;

  constructor(options: FastaParserOptions) {
    this.#options = options;
    this.#builder = new SequenceBuilder(options);
    this.#index = options.firstIndex;
  }

  /** The block is not kept: its memory can be used again afterwards. */
  push(block: Uint8Array): void {
    let position = 0;
    while (position < block.length) {
      if (this.#state === 'sequence') position = this.#readSequence(block, position);
      else if (this.#state === 'header') position = this.#readHeader(block, position);
      else position = this.#skipPreamble(block, position);
    }
  }

  /** The end of the input. */
  finish(): void {
    if (this.#state === 'header') this.#endHeader();
    if (this.#state === 'sequence') this.#endRecord();
    this.#state = 'preamble';
  }

  /** The records completed since the last call; the caller must release them. */
  take(): SequenceRecord[] {
    const records = this.#complete;
    this.#complete = [];
    return records;
  }

  /** Gives back what was not taken. */
  abandon(): void {
    for (const record of this.take()) record.sequence.release();
    this.#builder.abandon();
  }

  /** Nothing before the first `>` at the start of a line belongs to a record. */
  #skipPreamble(block: Uint8Array, from: number): number {
    for (let position = from; position < block.length; position++) {
      const byte = block[position]!;
      if (byte === HEADER_MARK && this.#atLineStart) {
        this.#state = 'header';
        return position + 1;
      }
      if (byte === BYTE_ORDER_MARK[this.#byteOrderMarkSeen]) {
        this.#byteOrderMarkSeen++;
        continue;
      }
      this.#byteOrderMarkSeen = BYTE_ORDER_MARK.length;
      this.#atLineStart = byte === LINE_FEED || byte === CARRIAGE_RETURN;
    }
    return block.length;
  }

  #readHeader(block: Uint8Array, from: number): number {
    let end = from;
    while (end < block.length && block[end] !== LINE_FEED && block[end] !== CARRIAGE_RETURN) end++;
    this.#headerBytes += end - from;
    if (this.#headerBytes > HEADER_LIMIT) {
      throw expected(
        'VNP_INPUT_FORMAT',
        `header lines of at most ${HEADER_LIMIT} bytes`,
        inputName(this.#options.source),
        `a longer one for record ${this.#index + 1}`,
        'Check that the file is FASTA',
      );
    }
    this.#headerPieces.push(block.slice(from, end));
    if (end === block.length) return end;
    this.#endHeader();
    return end + 1;
  }

  #endHeader(): void {
    const pieces = this.#headerPieces;
    this.#header = decodeText(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)).trimEnd();
    this.#headerPieces = [];
    this.#headerBytes = 0;
    this.#state = 'sequence';
  }

  #readSequence(block: Uint8Array, from: number): number {
    const position = this.#builder.append(block, from);
    if (position === block.length) return position;
    this.#endRecord();
    this.#state = 'header';
    return position + 1;
  }

  #endRecord(): void {
    const ambiguous = this.#builder.ambiguous;
    this.#complete.push({
      index: this.#index++,
      id: /\S+/.exec(this.#header)?.[0] ?? '',
      header: this.#header,
      source: this.#options.source,
      ambiguous,
      sequence: this.#builder.finish(),
    });
  }
}
