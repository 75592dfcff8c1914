import type { LetterKind } from './content.js';
import type { SequenceRecord } from './record.js';
import type { SequenceBuilderOptions } from './sequence-builder.js';

export interface RecordParserOptions extends SequenceBuilderOptions {
  /** The `source` of the records. */
  readonly source: string;
  /** The `index` of the first record. */
  readonly firstIndex: number;
  /** What the letters of FASTA are. Default `dna`. */
  readonly letters?: LetterKind;
}

/** Turns the bytes of one input, cut into blocks anywhere, into its records. */
export interface RecordParser {
  /**
   * The block is not kept: its memory can be used again afterwards.
   * @throws VirnucproError VNP_INPUT_FORMAT; the records before can be taken then
   */
  push(block: Uint8Array): void;
  /** The end of the input. @throws VirnucproError VNP_INPUT_FORMAT */
  finish(): void;
  /** The records completed since the last call; the caller must release them. */
  take(): SequenceRecord[];
  /** Gives back what was not taken. */
  abandon(): void;
  /** Where in the input it is, for a message, such as `in record 3 (line 12)`. */
  readonly place: string;
  /** Lines before the first record that were read over, but for comments. */
  readonly skippedLines: number;
  /** Bytes of headers and letters so far, see ComputedInput.bytes. */
  readonly recordBytes: number;
}
