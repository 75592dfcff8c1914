import type { FileSummary, Wait } from '../output/buffered-file.js';
import { outputError } from '../output/output-error.js';
import { ColumnSpools, TextSpool } from './column-spools.js';
import { PickledList, PickledTensor } from './pickle.js';
import type { Pickled } from './pickle.js';
import type { StoredZipOptions } from './stored-zip.js';
import { writeTorchArchive } from './torch-archive.js';
import type { TensorData } from './torch-archive.js';
import type { BlockSink, MetadataValue, RowBlock, VectorTable } from './vector-table.js';

/**
 * One file for torch.load: a dictionary with the columns of the table, texts as lists, integers and vectors as tensors,
 * and `metadata`. The columns grow in temporary files first.
 */
export class TorchVectors implements BlockSink {
  readonly #table: VectorTable;
  readonly #path: string;
  readonly #shownPath: string;
  readonly #columns: ColumnSpools;
  readonly #zipOptions: StoredZipOptions;

  constructor(table: VectorTable, path: string, shownPath: string, zipOptions: StoredZipOptions = {}) {
    this.#table = table;
    this.#path = path;
    this.#shownPath = shownPath;
    this.#columns = new ColumnSpools(table, path, shownPath);
    this.#zipOptions = zipOptions;
  }

  write(block: RowBlock): Wait {
    return this.#columns.append(block);
  }

  async close(): Promise<readonly (FileSummary | undefined)[]> {
    await this.#columns.end();
    const { keys, vectors, metadata } = this.#table;
    const { rows } = this.#columns;
    const tensors: TensorData[] = [];
    const value = new Map<string, Pickled>([['metadata', metadataOf(metadata)]]);
    for (const [index, { name }] of keys.entries()) {
      const spool = this.#columns.keys[index]!;
      if (spool instanceof TextSpool) value.set(name, new PickledList(spool.count, spool.bytes, () => spool.read()));
      else value.set(name, new PickledTensor(tensors.push(spool) - 1, 'Int', [rows]));
    }
    for (const [index, { name, width }] of vectors.entries()) {
      value.set(name, new PickledTensor(tensors.push(this.#columns.vectors[index]!) - 1, 'Float', [rows, width]));
    }
    try {
      await writeTorchArchive(this.#path, value, tensors, this.#zipOptions);
    } catch (cause) {
      throw outputError('cannot be written', this.#shownPath, cause);
    }
    await this.#columns.remove();
    return [undefined];
  }

  async abandon(): Promise<void> {
    await this.#columns.remove().catch(() => undefined);
  }
}

function metadataOf(metadata: Readonly<Record<string, MetadataValue>>): Pickled {
  return new Map(Object.entries(metadata));
}
