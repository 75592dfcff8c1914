import { VirnucproError } from '../errors.js';
import type { FileSummary } from '../output/buffered-file.js';
import { outputError } from '../output/output-error.js';
import { TextSpool } from './column-spools.js';
import { beginHdf5, newHdf5File, orThrow } from './hdf5-file.js';
import type { Dataset, File, Hdf5 } from './hdf5-file.js';
import type { BlockSink, RowBlock, VectorTable } from './vector-table.js';

const CHUNK_BYTES = 256 * 1024;
const KEYS_IN_CHUNK = 4096;
/** Bytes written between two chances for other work. */
const BYTES_AT_ONCE = 4 * 1024 * 1024;

/**
 * An HDF5 file with a dataset for each column: vectors [rows, width], numbers [rows], and texts of a fixed length in
 * bytes, that of the longest, which is why they grow in a temporary file first. Metadata are attributes of the file.
 */
export class Hdf5Vectors implements BlockSink {
  readonly #hdf5: Hdf5;
  readonly #table: VectorTable;
  readonly #shownPath: string;
  readonly #file: File;
  readonly #texts: ReadonlyMap<string, TextSpool>;
  readonly #datasets: ReadonlyMap<string, Dataset>;
  #rows = 0;

  private constructor(hdf5: Hdf5, table: VectorTable, path: string, shownPath: string) {
    const file = newHdf5File(hdf5, path, table.metadata);
    this.#hdf5 = hdf5;
    this.#table = table;
    this.#shownPath = shownPath;
    this.#file = file;
    this.#texts = new Map(
      table.keys.flatMap(({ name, type }, index) =>
        type === 'text' ? [[name, new TextSpool(`${path}.${index}`, shownPath)]] : [],
      ),
    );
    this.#datasets = new Map<string, Dataset>([
      ...table.keys.flatMap(({ name, type }): [string, Dataset][] =>
        type === 'text' ? [] : [[name, growing(file, name, new Int32Array(0), '<i', [], KEYS_IN_CHUNK)]],
      ),
      ...table.vectors.map(({ name, width }): [string, Dataset] => {
        const rows = Math.max(1, Math.floor(CHUNK_BYTES / (width * Float32Array.BYTES_PER_ELEMENT)));
        return [name, growing(file, name, new Float32Array(0), '<f', [width], rows)];
      }),
    ]);
  }

  /** @throws VirnucproError VNP_USAGE if h5wasm is not installed, VNP_OUTPUT */
  static async create(table: VectorTable, path: string, shownPath: string): Promise<Hdf5Vectors> {
    return beginHdf5(path, shownPath, (hdf5) => new Hdf5Vectors(hdf5, table, path, shownPath));
  }

  async write({ rows, keys, vectors }: RowBlock): Promise<void> {
    const start = this.#rows;
    this.#rows += rows;
    try {
      for (const [column, { name, type }] of this.#table.keys.entries()) {
        if (type === 'text') await this.#texts.get(name)!.append(keys[column] as string[]);
        else this.#append(name, start, Int32Array.from(keys[column] as number[]), []);
      }
      for (const [column, { name, width }] of this.#table.vectors.entries()) {
        const step = width * Math.max(1, Math.floor(BYTES_AT_ONCE / (width * Float32Array.BYTES_PER_ELEMENT)));
        const values = vectors[column]!;
        for (let first = 0; first < values.length; first += step) {
          this.#append(name, start + first / width, values.subarray(first, first + step), [width]);
          await new Promise(setImmediate);
        }
      }
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  async close(): Promise<readonly (FileSummary | undefined)[]> {
    try {
      for (const [name, spool] of this.#texts) {
        await spool.end();
        await this.#writeTexts(name, spool);
        await spool.remove();
      }
      orThrow(this.#hdf5, () => this.#file.close());
    } catch (cause) {
      throw this.#failure(cause);
    }
    return [undefined];
  }

  async abandon(): Promise<void> {
    try {
      orThrow(this.#hdf5, () => this.#file.close());
    } catch {
      // It is given up in any case.
    }
    await Promise.all([...this.#texts.values()].map((spool) => spool.remove().catch(() => undefined)));
  }

  #append(name: string, start: number, values: Float32Array | Int32Array, rowShape: readonly number[]): void {
    const dataset = this.#datasets.get(name)!;
    const rows = values.length / rowShape.reduce((product, size) => product * size, 1);
    orThrow(this.#hdf5, () => {
      dataset.resize([start + rows, ...rowShape]);
      dataset.write_slice([[start, start + rows], ...rowShape.map((): [] => [])], values);
    });
  }

  #failure(cause: unknown): VirnucproError {
    // A spool says it already.
    return cause instanceof VirnucproError ? cause : outputError('cannot be written', this.#shownPath, cause);
  }

  async #writeTexts(name: string, spool: TextSpool): Promise<void> {
    const dtype = `S${Math.max(1, spool.longestBytes)}`;
    const shape = [spool.count];
    if (spool.count === 0) {
      const empty = { name, data: [], shape: [0], maxshape: [null], chunks: [1], dtype };
      orThrow(this.#hdf5, () => this.#file.create_dataset(empty));
      return;
    }
    const chunks = [Math.min(spool.count, KEYS_IN_CHUNK)];
    const options = {
      name,
      data: [''],
      shape: [1],
      maxshape: [null],
      chunks,
      compression: 1,
      dtype,
    };
    const first = orThrow(this.#hdf5, () => {
      const dataset = this.#file.create_dataset(options);
      dataset.resize(shape);
      return dataset;
    });
    let row = 0;
    for await (const texts of spool.read()) {
      for (let from = 0; from < texts.length; from += KEYS_IN_CHUNK) {
        const some = texts.slice(from, from + KEYS_IN_CHUNK).map((text) => text.toString('utf8'));
        const start = row;
        orThrow(this.#hdf5, () => first.write_slice([[start, start + some.length]], some));
        row += some.length;
      }
    }
  }
}

function growing(
  file: File,
  name: string,
  data: Float32Array | Int32Array,
  dtype: string,
  rowShape: readonly number[],
  rowsInChunk: number,
): Dataset {
  return file.create_dataset({
    name,
    data,
    shape: [0, ...rowShape],
    maxshape: [null, ...rowShape],
    chunks: [rowsInChunk, ...rowShape],
    dtype,
  });
}
