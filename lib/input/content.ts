import { VirnucproError } from '../errors.js';
import { compressionOf, startsWith } from './compression.js';
import { PROTEIN_LETTERS } from './nucleotide-bytes.js';
import { looksLikeProtein } from './record.js';
import { quoteStart, sentenceInputName } from './text.js';
import { FastaParser } from './fasta-parser.js';
import { FastqParser } from './fastq-parser.js';
import type { RecordParser, RecordParserOptions } from './record.js';

/** Number of an input's first bytes, decompressed, from which its format is detected. */
export const CONTENT_BYTES = 64 * 1024;

export type RecordFormat = 'fasta' | 'fastq';

const ZIP = [0x50, 0x4b, 0x03, 0x04];

/** Content is binary if it has at least this many, and this fraction of, control characters that no text has. */
const MIN_CONTROLS = 8;
const CONTROL_FRACTION = 0.05;

interface ContentProblem {
  readonly received: string;
  readonly next: string;
}

const WRONG_FILE = 'Check that this is the right file';

function binaryProblem(head: Uint8Array): ContentProblem | undefined {
  if (startsWith(head, ZIP)) return { received: 'zip compressed data', next: 'Decompress it first (unzip)' };
  const compression = compressionOf(head);
  if (compression !== undefined) {
    return { received: `doubly compressed data (${compression})`, next: 'Decompress it once' };
  }
  if (startsWith(head, [0xff, 0xfe]) || startsWith(head, [0xfe, 0xff])) {
    return { received: 'UTF-16 text', next: 'Save it as plain ASCII or UTF-8' };
  }
  return undefined;
}

function controlProblem(text: string, firstHeader: number): ContentProblem | undefined {
  const nul = text.indexOf('\0');
  if (nul >= 0 && nul < firstHeader) return { received: 'binary data (a NUL byte)', next: WRONG_FILE };
  // eslint-disable-next-line no-control-regex
  const controls = text.match(/[\x00-\x08\x0e-\x1f\x7f]/g)?.length ?? 0;
  if (controls < MIN_CONTROLS || controls < CONTROL_FRACTION * text.length) return undefined;
  return { received: `binary data (${controls} control characters)`, next: WRONG_FILE };
}

/** Position of the first line that starts with `mark`, ignoring blanks and a byte order mark; Infinity if none does. */
function lineStartingWith(text: string, mark: string): number {
  const found = new RegExp(`(?:^|[\\r\\n])[ \\t\\v\\f\\xef\\xbb\\xbf]*\\${mark}`).exec(text);
  return found === null ? Infinity : found.index;
}

/** Text before the first `>` is skipped in FASTA, so an `@` at the start alone does not make it FASTQ. */
function isFastq(text: string, firstHeader: number): boolean {
  // A quality line of FASTQ can start with `>`, so a `+` line before it decides.
  return /^[\s\xef\xbb\xbf]*@/.test(text) && (firstHeader === Infinity || lineStartingWith(text, '+') < firstHeader);
}

/** Letters of every record in the text, the last of which may be incomplete. */
function sequencesOf(text: string, format: RecordFormat): string[] {
  if (format === 'fasta') {
    return text
      .split(/(?:^|[\r\n])[ \t\v\f\xef\xbb\xbf]*>/)
      .slice(1)
      .map((record) => record.replace(/^[^\r\n]*/, '').replace(/[\r\n][ \t\v\f]*[;#!][^\r\n]*/g, ''));
  }
  return fastqSequences(text);
}

/** The length of a sequence says where its quality ends, because a quality line can start with `@`, too. */
function fastqSequences(text: string): string[] {
  const sequences: string[] = [];
  // A header, the sequence lines and the `+` line, as far as the text has them.
  const header = /[\s\xef\xbb\xbf]*@[^\r\n]*[\r\n]+([^+]*)(?:\+[^\r\n]*[\r\n]+)?/y;
  for (let found = header.exec(text); found !== null; found = header.exec(text)) {
    const letters = found[1]!.replace(/\s/g, '');
    sequences.push(letters);
    for (let left = letters.length; left > 0 && header.lastIndex < text.length; header.lastIndex++) {
      if (!/\s/.test(text[header.lastIndex]!)) left--;
    }
  }
  return sequences;
}

const PROTEIN = new RegExp(`[${PROTEIN_LETTERS}]`, 'g');

/** Decided by a majority of records, so that a protein record among DNA makes only itself invalid. */
function proteinProblem(text: string, format: RecordFormat): ContentProblem | undefined {
  const sequences = sequencesOf(text, format)
    .map((sequence) => sequence.replace(/\s/g, ''))
    .filter((sequence) => sequence !== '');
  const proteins = sequences.filter((letters) => looksLikeProtein(letters.match(PROTEIN)?.length ?? 0, letters.length));
  if (proteins.length <= sequences.length / 2) return undefined;
  const example = quoteStart(Buffer.from(proteins[0]!, 'latin1'), 20);
  return {
    received: `protein, not DNA: ${proteins.length} of its first ${sequences.length} records, such as ${example}`,
    next: 'Give the nucleotide sequences (.fna or .ffn, not .faa); frames are translated here',
  };
}

function textProblem(head: Uint8Array, text: string, firstHeader: number, whole: boolean): ContentProblem | undefined {
  if (firstHeader !== Infinity || (whole && text.trim() === '')) return undefined;
  const where = whole ? '' : ` in its first ${CONTENT_BYTES / 1024} KiB`;
  return { received: `text without such a line${where}, starting ${quoteStart(head)}`, next: WRONG_FILE };
}

export const LETTER_KINDS = ['dna', 'protein'] as const;
/** What the letters of an input should stand for: bases, or amino acids. */
export type LetterKind = (typeof LETTER_KINDS)[number];

/**
 * Detects an input's format from the start of its content.
 * @param head its first CONTENT_BYTES bytes, decompressed, or all if it has fewer
 * @param whole whether `head` is all of it
 * @param letters what the input should hold; `protein` accepts DNA, too
 * @throws VirnucproError VNP_INPUT_FORMAT when it is neither FASTA nor FASTQ, or is protein where DNA is expected
 */
export function recordFormat(
  path: string,
  head: Uint8Array,
  whole: boolean,
  letters: LetterKind = 'dna',
): RecordFormat {
  const view = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const text = view.toString('latin1').replace(/^\xef\xbb\xbf/, '');
  const firstHeader = lineStartingWith(text, '>');
  const format = isFastq(text, firstHeader) ? 'fastq' : 'fasta';
  const start = format === 'fastq' ? text.indexOf('@') : firstHeader;
  const problem = binaryProblem(head) ?? controlProblem(text, start) ?? alignmentProblem(text);
  if (problem) throw unknownFormat(path, problem);
  const worse = format === 'fasta' ? textProblem(head, text, firstHeader, whole) : undefined;
  if (worse) throw unknownFormat(path, worse);
  const protein = letters === 'dna' ? proteinProblem(text, format) : undefined;
  if (protein) throw formatError(`${sentenceInputName(path)} is ${protein.received}`, protein.next);
  return format;
}

/** A SAM file starts with an `@`, too. */
function alignmentProblem(text: string): ContentProblem | undefined {
  if (!/^@(HD|SQ|RG|PG|CO)\t/.test(text)) return undefined;
  return { received: 'SAM alignments', next: 'Write their sequences out first (samtools fasta)' };
}

function unknownFormat(path: string, { received, next }: ContentProblem): VirnucproError {
  const kinds = 'neither FASTA (with a line that starts with ">") nor FASTQ';
  return formatError(`${sentenceInputName(path)} is ${kinds}: it is ${received}`, next);
}

function formatError(problem: string, next: string): VirnucproError {
  return new VirnucproError('VNP_INPUT_FORMAT', `${problem}. ${next}`);
}

export function parserFor(format: RecordFormat, options: RecordParserOptions): RecordParser {
  return format === 'fastq' ? new FastqParser(options) : new FastaParser(options);
}

const NO_BLOCKS: readonly Uint8Array[] = [];

/** Holds back the start of an input's content until it is enough to detect the format. */
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

  /** Undefined until it is detected. */
  get format(): RecordFormat | undefined {
    return this.#format;
  }

  /** The bytes held back, valid until the next `add`. */
  get held(): Uint8Array {
    return this.#head?.subarray(0, this.#filled) ?? new Uint8Array(0);
  }

  /**
   * @returns the blocks that can be parsed now, none until the format is known
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
   * Ends the content.
   * @param whole whether it ends because the input is at its end
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
