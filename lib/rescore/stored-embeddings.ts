import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { expected } from '../errors.js';
import type { FileSummary } from '../output/buffered-file.js';
import { outputError } from '../output/output-error.js';

export interface StoredEmbeddingsOptions {
  readonly path: string;
  /** Numbers of a row. */
  readonly width: number;
}

/** Reads an embeddings.f32 some rows at a time, into the same memory again and again. */
export class StoredEmbeddings {
  readonly #options: StoredEmbeddingsOptions;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #memory = new Float32Array(0);
  #bytes = 0;

  private constructor(options: StoredEmbeddingsOptions, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
  }

  /** @throws VirnucproError VNP_OUTPUT where it cannot be read */
  static async open(options: StoredEmbeddingsOptions): Promise<StoredEmbeddings> {
    const handle = await open(options.path).catch((cause: unknown) => {
      throw outputError('readable embeddings', options.path, cause);
    });
    return new StoredEmbeddings(options, handle);
  }

  /**
   * @returns [rows, width], valid until the next call
   * @throws VirnucproError VNP_OUTPUT where there are not as many
   */
  async read(rows: number): Promise<Float32Array> {
    const { path, width } = this.#options;
    if (this.#memory.length < rows * width) this.#memory = new Float32Array(rows * width);
    const wanted = this.#memory.subarray(0, rows * width);
    const bytes = new Uint8Array(wanted.buffer, 0, wanted.byteLength);
    for (let filled = 0; filled < bytes.length;) {
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled).catch((cause: unknown) => {
        throw outputError('readable embeddings', path, cause);
      });
      if (bytesRead === 0) {
        const next = 'The file was changed or damaged after the run: predict again';
        throw expected('VNP_OUTPUT', `an embedding for each of ${rows} more frames`, path, 'its end', next);
      }
      filled += bytesRead;
    }
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    return wanted;
  }

  /** The size and hash of what was read. */
  summary(): FileSummary {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
