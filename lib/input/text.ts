import { expected } from '../errors.js';
import { CARRIAGE_RETURN, isLineEnd, LINE_FEED } from './nucleotide-bytes.js';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text as UTF-8 or, where it is not valid UTF-8, as Latin-1: every byte stays a character, none is replaced. */
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

/** How a message calls an input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : `input ${printablePath(path)}`;
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

  /** @returns whether the byte ends a line; the LF of a CRLF does not, for its CR has done so */
  pass(byte: number): boolean {
    const isEnd = byte === CARRIAGE_RETURN || (byte === LINE_FEED && this.lastByte !== CARRIAGE_RETURN);
    if (isEnd) this.line++;
    this.lastByte = byte;
    return isEnd;
  }

  /** Goes on from where another has counted to. */
  moveTo(line: number, lastByte: number): void {
    this.line = line;
    this.lastByte = lastByte;
  }
}

/** Bytes that one header line may have. */
const HEADER_LIMIT = 1024 * 1024;

/** Gathers a header, which may come in many blocks. */
export class HeaderLine {
  readonly #source: string;
  /** What earlier blocks had of the line. */
  #pieces: Uint8Array[] = [];
  #text = '';
  /** The block that was read last, as text can be taken from it. */
  #block: Uint8Array | undefined;
  #view: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #ending: number | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /** The line end's first byte; undefined until it was there. */
  get ending(): number | undefined {
    return this.#ending;
  }

  /**
   * @param number of the record, for an error
   * @returns the position behind the line end, or the length of the block
   * @throws VirnucproError VNP_INPUT_FORMAT for a line that is too long
   */
  read(block: Uint8Array, from: number, number: number): number {
    let end = from;
    let bits = 0;
    for (; end < block.length && !isLineEnd(block[end]!); end++) bits |= block[end]!;
    this.#bytes += end - from;
    if (this.#bytes > HEADER_LIMIT) {
      throw expected(
        'VNP_INPUT_FORMAT',
        `header lines of at most ${HEADER_LIMIT} bytes`,
        inputName(this.#source),
        `a longer one for record ${number}`,
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

  /** The header, right-stripped. The next one can begin. */
  take(): string {
    // The input has ended within the line.
    const text = this.#ending === undefined ? decodeText(Buffer.concat(this.#pieces)) : this.#text;
    this.#pieces = [];
    this.#bytes = 0;
    this.#ending = undefined;
    return text.trimEnd();
  }

  /** A view for each header took as long as reading it. */
  #viewOf(block: Uint8Array): Buffer {
    if (this.#block !== block) {
      this.#block = block;
      this.#view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    }
    return this.#view;
  }
}
