import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { VirnucproError } from '../errors.js';
import type { BufferedFile, FileSummary } from '../output/buffered-file.js';
import { wrappedBytes } from '../output/fasta.js';
import { outputError } from '../output/output-error.js';

const READ_BYTES = 256 * 1024;
const LINE_FEED = 10;

export interface EarlierSequencesOptions {
  readonly path: string;
  /** The path that errors name. */
  readonly shownPath: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The records of a virus.fna, one after another. The number of letters says where a record ends, because a `>` at the
 * start of a line may be one of its letters.
 */
export class EarlierSequences {
  readonly #options: EarlierSequencesOptions;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #block: Uint8Array = new Uint8Array(0);
  #records = 0;

  private constructor(options: EarlierSequencesOptions, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
  }

  /** @throws VirnucproError VNP_OUTPUT */
  static async open(options: EarlierSequencesOptions): Promise<EarlierSequences> {
    const handle = await open(options.path).catch((cause: unknown) => {
      throw outputError('cannot be read', options.shownPath, cause);
    });
    return new EarlierSequences(options, handle);
  }

  /**
   * Reads the next record, copying it to `file` if given.
   * @param length its number of letters
   * @throws VirnucproError VNP_OUTPUT if the file ends before the record does
   */
  async next(length: number, file: BufferedFile | undefined): Promise<void> {
    this.#records++;
    await this.#pass(() => {
      const end = this.#block.indexOf(LINE_FEED);
      return end < 0 ? { bytes: this.#block.length, isEnd: false } : { bytes: end + 1, isEnd: true };
    }, file);
    let left = wrappedBytes(length);
    await this.#pass(() => {
      const bytes = Math.min(left, this.#block.length);
      left -= bytes;
      return { bytes, isEnd: left === 0 };
    }, file);
  }

  /** The size and hash of the file, after its last record. @throws VirnucproError VNP_OUTPUT, also if more follows */
  async end(): Promise<FileSummary> {
    if (this.#block.length > 0 || (await this.#read())) throw this.#damaged('continues after its last record');
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Reads on, passing to `file` as many bytes at a time as `take` says, until `take` reports the end. */
  async #pass(take: () => { bytes: number; isEnd: boolean }, file: BufferedFile | undefined): Promise<void> {
    for (;;) {
      if (this.#block.length === 0 && !(await this.#read())) {
        throw this.#damaged(`ends before the end of record ${this.#records}`);
      }
      const { bytes, isEnd } = take();
      const wait = file?.appendBytes(this.#block.subarray(0, bytes));
      if (wait !== undefined) await wait;
      this.#block = this.#block.subarray(bytes);
      if (isEnd) return;
    }
  }

  async #read(): Promise<boolean> {
    this.#options.signal?.throwIfAborted();
    // The file that bytes are passed to owns them, so every block is newly allocated.
    const block = Buffer.allocUnsafe(READ_BYTES);
    const { bytesRead } = await this.#handle.read(block, 0, READ_BYTES).catch((cause: unknown) => {
      throw outputError('cannot be read', this.#options.shownPath, cause);
    });
    this.#block = block.subarray(0, bytesRead);
    this.#hash.update(this.#block);
    this.#bytes += bytesRead;
    return bytesRead > 0;
  }

  #damaged(problem: string): VirnucproError {
    const next = 'The file was changed or damaged after the run: predict again';
    return new VirnucproError('VNP_OUTPUT', `${this.#options.shownPath} ${problem}. ${next}`);
  }
}
