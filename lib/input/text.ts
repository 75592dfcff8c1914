import { VirnucproError } from '../errors.js';
import { CARRIAGE_RETURN, isLineEnd, LINE_FEED } from './nucleotide-bytes.js';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8 or, if it is not valid, Latin-1: every byte remains a character, none is replaced. */
function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
}

/** The first characters in quotes, on one line, with everything but printable ASCII escaped. */
export function quoteStart(bytes: Uint8Array, characters = 40): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, characters)).toString('latin1');
  const escaped = start.replace(/[^ -~]|["\\]/g, (character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"${bytes.byteLength > characters ? '…' : ''}`;
}

/** An input in a message: `input x.fa`. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : `input ${printablePath(path)}`;
}

/** The same at the beginning of a sentence. */
export function sentenceInputName(path: string): string {
  return path === '-' ? 'Standard input' : `Input ${printablePath(path)}`;
}

/** A path as it is, or in quotes when a control character would break the line that names it. */
export function printablePath(path: string): string {
  // eslint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f]/.test(path) ? JSON.stringify(path) : path;
}

/** Counts lines that end with LF, CRLF or CR, byte by byte. */
export class LineCounter {
  /** The line, from 1, that the next byte is in. */
  line = 1;
  lastByte = LINE_FEED;

  /** @returns whether the byte ends a line; the LF of a CRLF does not, because its CR does */
  pass(byte: number): boolean {
    const isEnd = byte === CARRIAGE_RETURN || (byte === LINE_FEED && this.lastByte !== CARRIAGE_RETURN);
    if (isEnd) this.line++;
    this.lastByte = byte;
    return isEnd;
  }

  /** Continues from the position of another counter. */
  moveTo(line: number, lastByte: number): void {
    this.line = line;
    this.lastByte = lastByte;
  }
}

/** Maximum bytes of a header line. */
const HEADER_LIMIT = 1024 * 1024;

/** Collects a header, which may span many blocks. */
export class HeaderLine {
  readonly #source: string;
  /** The line's bytes from earlier blocks. */
  #pieces: Uint8Array[] = [];
  #text = '';
  /** The last block from which text was taken, and a view of it. */
  #block: Uint8Array | undefined;
  #view: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #ending: number | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /** First byte of the line end; undefined until it is read. */
  get ending(): number | undefined {
    return this.#ending;
  }

  /**
   * @param number number of the record, for an error
   * @returns the position after the line end, or the length of the block
   * @throws VirnucproError VNP_INPUT_FORMAT for a line that is too long
   */
  read(block: Uint8Array, from: number, number: number): number {
    let end = from;
    let bits = 0;
    for (; end < block.length && !isLineEnd(block[end]!); end++) bits |= block[end]!;
    this.#bytes += end - from;
    if (this.#bytes > HEADER_LIMIT) {
      throw new VirnucproError(
        'VNP_INPUT_FORMAT',
        `The header of record ${number} in ${inputName(this.#source)} is longer than ${HEADER_LIMIT} bytes. ` +
          'Check that the file is FASTA or FASTQ',
      );
    }
    if (end === block.length) {
      this.#pieces.push(block.slice(from, end));
      return end;
    }
    this.#ending = block[end]!;
    this.#text =
      this.#pieces.length === 0 && bits < 0x80
        ? this.#viewOf(block).toString('latin1', from, end)
        : decodeText(Buffer.concat([...this.#pieces, block.subarray(from, end)]));
    this.#pieces = [];
    return end + 1;
  }

  /** Returns the header, right-stripped, and prepares for the next. */
  take(): string {
    // The input ended within the line.
    const text = this.#ending === undefined ? decodeText(Buffer.concat(this.#pieces)) : this.#text;
    this.#pieces = [];
    this.#bytes = 0;
    this.#ending = undefined;
    return text.trimEnd();
  }

  /** Reuses the view: creating one for each header took as long as reading the header. */
  #viewOf(block: Uint8Array): Buffer {
    if (this.#block !== block) {
      this.#block = block;
      this.#view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    }
    return this.#view;
  }
}
