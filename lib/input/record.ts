import type { LetterKind } from './content.js';
import type { SequenceBuilderOptions } from './sequence-builder.js';
import { SequenceBuilder } from './sequence-builder.js';
import type { SequenceForms, StrangeByte } from './sequence-forms.js';
import { BYTE_KINDS, PROTEIN_LETTER } from './nucleotide-bytes.js';
import { HEADER_SIGN } from './sequence-forms.js';

/** The letters of one record, in memory when short and in a temporary file when long, so that memory stays bounded. */
export interface StoredSequence {
  /** Number of letters. */
  readonly length: number;
  /** Letters [start, end) as read, without white space, gaps and other non-letters. Valid until `release`. */
  read(start: number, end: number): Uint8Array;
  /** Frees the memory or the temporary file. Reading afterwards throws VNP_CLOSED. */
  release(): void;
}

/** One record of FASTA or FASTQ, as it was read. */
export interface SequenceRecord {
  /** Position in the whole input, from 0. */
  readonly index: number;
  /** The first whitespace-delimited word of the header; empty when the header is. */
  readonly id: string;
  /** The header line without its `>` or `@`, right-stripped. */
  readonly header: string;
  /** The path that it was read from, `-` for standard input. */
  readonly source: string;
  /** The object that the caller gave; undefined for a record of a file or stream. */
  readonly given?: unknown;
  /** Letters other than A, C, G, T, U, in either case. */
  readonly ambiguous: number;
  /** Letters U, in either case. The sequence keeps them; windows have T in their place. */
  readonly uracil: number;
  /** Gap characters, `-` and `.`, which are left out of the letters. */
  readonly gaps: number;
  /** Why the record is invalid, and in which line. Nothing is computed for it then. Absent when it is valid. */
  readonly problem?: string;
  /** Whoever receives the record must release it. */
  readonly sequence: StoredSequence;
}

export interface RecordParserOptions extends SequenceBuilderOptions {
  /** The `source` of the records. */
  readonly source: string;
  /** The `index` of the first record. */
  readonly firstIndex: number;
  /** What the letters of FASTA stand for. Default `dna`. */
  readonly letters?: LetterKind;
}

/** Parses one input, in blocks that may be cut anywhere, into records. */
export interface RecordParser {
  /**
   * The block is not kept: its memory can be reused afterwards.
   * @throws VirnucproError VNP_INPUT_FORMAT; the records before the error can still be taken
   */
  push(block: Uint8Array): void;
  /** The end of the input. @throws VirnucproError VNP_INPUT_FORMAT */
  finish(): void;
  /** The records completed since the last call; the caller must release them. */
  take(): SequenceRecord[];
  /** Releases the records that were not taken. */
  abandon(): void;
  /** The current place in the input, for a message, such as `in record 3 (line 12)`. */
  readonly place: string;
  /** Lines skipped before the first record, except comments and blank lines. */
  readonly skippedLines: number;
  /** Bytes of headers and letters so far, see ComputedInput.bytes. */
  readonly recordBytes: number;
}

/** Assembles records from their headers and sequences, for both parsers. */
export class RecordAssembler {
  readonly #options: RecordParserOptions;
  readonly builder: SequenceBuilder;
  #header = '';
  #line = 0;
  #complete: SequenceRecord[] = [];
  #count = 0;
  #bytesOfEarlier = 0;

  constructor(options: RecordParserOptions, forms: SequenceForms) {
    this.#options = options;
    this.builder = new SequenceBuilder(options, forms);
  }

  /** Number of finished records. */
  get count(): number {
    return this.#count;
  }

  /** The line of the last record's header. */
  get line(): number {
    return this.#line;
  }

  get recordBytes(): number {
    return this.#bytesOfEarlier + this.builder.length;
  }

  /**
   * Begins a record.
   * @param line line of its header; 0 if it has none, because it comes from memory
   * @param lastByte byte that ended the header
   */
  begin(header: string, line: number, lastByte: number): void {
    this.#header = header;
    this.#line = line;
    // Plus the sign before it and the line end after it.
    this.#bytesOfEarlier += header.length + 2;
    this.builder.begin(line + 1, lastByte);
  }

  /** @param problem what is wrong with the record apart from its letters */
  end(problem = ''): void {
    const { sequence, ambiguous, uracil, gaps, protein, strangeByte, isTooLong } = this.builder.finish();
    const { length } = sequence;
    this.#bytesOfEarlier += length;
    const tooLong =
      isTooLong && `longer than maxRecordLength: ${length} letters, not at most ${this.#options.maxLength}`;
    const found = tooLong || sequenceProblem({ length, protein, strangeByte }, this.#line) || problem;
    this.#complete.push({
      index: this.#options.firstIndex + this.#count++,
      id: /\S+/.exec(this.#header)?.[0] ?? '',
      header: this.#header,
      source: this.#options.source,
      ambiguous,
      uracil,
      gaps,
      ...(found && { problem: found }),
      sequence,
    });
  }

  take(): SequenceRecord[] {
    const records = this.#complete;
    this.#complete = [];
    return records;
  }

  abandon(): void {
    for (const record of this.take()) record.sequence.release();
    this.builder.abandon();
  }
}

/**
 * Minimum fraction of amino-acid-only letters for a sequence to be taken for protein: they make up a third of a
 * protein, and occur in DNA only by mistake.
 */
const PROTEIN_FRACTION = 0.1;

export function looksLikeProtein(proteinLetters: number, letters: number): boolean {
  return proteinLetters > 0 && proteinLetters >= PROTEIN_FRACTION * letters;
}

/** Letters of a record, and what was noticed about them. */
interface SequenceFindings {
  readonly length: number;
  /** Letters that stand for amino acids only. */
  readonly protein: number;
  readonly strangeByte: StrangeByte | undefined;
}

/**
 * Why a record's letters make it invalid; empty when they are valid.
 * @param line line of its header; 0 if it comes from memory
 */
function sequenceProblem({ length, protein, strangeByte }: SequenceFindings, line: number): string {
  if (!strangeByte) return '';
  if (BYTE_KINDS[strangeByte.byte] === PROTEIN_LETTER && looksLikeProtein(protein, length)) {
    return `protein where DNA was expected (${protein} of ${length} letters stand for amino acids only)${line === 0 ? '' : `, from line ${line}`}`;
  }
  const place = placeOf(strangeByte);
  if (strangeByte.byte !== HEADER_SIGN) {
    return `a byte that is not a nucleotide letter (${nameOf(strangeByte.byte)}) in ${place}`;
  }
  if (line === 0) return `a ">" in ${place}: FASTA text is for predictStream, where every record begins with one`;
  return `a ">" within a line, in ${place}: a line end may be missing before it, where files were joined`;
}

/** A byte for a message: its character, if printable, and its number. */
export function nameOf(byte: number): string {
  const number = `0x${byte.toString(16).padStart(2, '0')}`;
  return byte > 0x20 && byte < 0x7f ? `${String.fromCharCode(byte)}, ${number}` : number;
}

export function placeOf({ line, column }: { readonly line: number; readonly column: number }): string {
  return `line ${line}, column ${column}`;
}
