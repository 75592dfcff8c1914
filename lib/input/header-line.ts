import { expected } from '../errors.js';
import { isLineEnd } from './nucleotide-bytes.js';
import { decodeText, inputName } from './text.js';

/** Bytes that one header line may have. */
export const HEADER_LIMIT = 1024 * 1024;

/** Gathers a header, which may come in many blocks. */
export class HeaderLine {
  readonly #source: string;
  #pieces: Uint8Array[] = [];
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
    while (end < block.length && !isLineEnd(block[end]!)) end++;
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
    this.#pieces.push(block.slice(from, end));
    if (end === block.length) return end;
    this.#ending = block[end]!;
    return end + 1;
  }

  /** The header, right-stripped. The next one can begin. */
  take(): string {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    this.#ending = undefined;
    return decodeText(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)).trimEnd();
  }
}
