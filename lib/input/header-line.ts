import { expected } from '../errors.js';
import { isLineEnd } from './nucleotide-bytes.js';
import { decodeText, inputName } from './text.js';

/** Bytes that one header line may have. */
export const HEADER_LIMIT = 1024 * 1024;

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
