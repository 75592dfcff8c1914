import { open } from 'node:fs/promises';
import { forcedToDisk } from '../disk.js';
import type { BufferedFile, FileSummary } from '../output/buffered-file.js';
import { outputError } from '../output/output-error.js';
import { numpyHeader } from './numpy-array.js';
import { KeysFile } from './text-vectors.js';
import { appendInPieces, bytesOf } from './vector-table.js';
import type { BlockSink, RowBlock, VectorTable } from './vector-table.js';

/** A .npy file [rows, numbers of all vectors side by side], and a table with the keys of its rows. */
export class NumpyVectors implements BlockSink {
  readonly #path: string;
  readonly #file: BufferedFile;
  readonly #keys: KeysFile;
  readonly #width: number;
  readonly #vectors: number;
  #rows = 0;

  /** @param path where `file` is written */
  constructor(table: VectorTable, path: string, file: BufferedFile, keys: BufferedFile) {
    this.#path = path;
    this.#file = file;
    this.#keys = new KeysFile(table, keys);
    this.#width = table.vectors.reduce((sum, { width }) => sum + width, 0);
    this.#vectors = table.vectors.length;
    void file.appendBytes(this.#header());
  }

  async write(block: RowBlock): Promise<void> {
    this.#rows += block.rows;
    const rows = this.#vectors === 1 ? block.vectors[0]! : sideBySide(block, this.#width);
    await appendInPieces(this.#file, bytesOf(rows));
    await this.#keys.write(block);
  }

  async close(): Promise<readonly (FileSummary | undefined)[]> {
    await this.#file.close();
    const keys = await this.#keys.close();
    try {
      const file = await open(this.#path, 'r+');
      try {
        await file.write(this.#header(), 0, undefined, 0);
        await forcedToDisk(() => file.sync());
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw outputError('cannot be written', this.#file.shownPath, cause);
    }
    return [undefined, keys];
  }

  async abandon(): Promise<void> {
    await Promise.all([this.#file.abandon(), this.#keys.abandon()]);
  }

  #header(): Uint8Array {
    return numpyHeader('<f4', [this.#rows, this.#width]);
  }
}

function sideBySide({ rows, vectors }: RowBlock, width: number): Float32Array<ArrayBuffer> {
  const joined = new Float32Array(rows * width);
  let start = 0;
  for (const values of vectors) {
    const own = values.length / rows;
    for (let row = 0; row < rows; row++) {
      joined.set(values.subarray(row * own, (row + 1) * own), row * width + start);
    }
    start += own;
  }
  return joined;
}
