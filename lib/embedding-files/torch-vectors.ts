import { SpooledColumns, TextSpool } from './column-spools.js';
import { PickledList, PickledTensor } from './pickle.js';
import type { Pickled } from './pickle.js';
import { writeTorchArchive } from './torch-archive.js';
import type { TensorData } from './torch-archive.js';
import type { MetadataValue } from './vector-table.js';

/**
 * One file for torch.load: a dictionary with the columns of the table, texts as lists, integers and vectors as tensors,
 * and `metadata`. The columns grow in temporary files first.
 */
export class TorchVectors extends SpooledColumns {
  protected async writeArchive(): Promise<void> {
    const { keys, vectors, metadata } = this.table;
    const { rows } = this.columns;
    const tensors: TensorData[] = [];
    const value = new Map<string, Pickled>([['metadata', metadataOf(metadata)]]);
    for (const [index, { name }] of keys.entries()) {
      const spool = this.columns.keys[index]!;
      if (spool instanceof TextSpool) value.set(name, new PickledList(spool.count, spool.bytes, () => spool.read()));
      else value.set(name, new PickledTensor(tensors.push(spool) - 1, 'Int', [rows]));
    }
    for (const [index, { name, width }] of vectors.entries()) {
      value.set(name, new PickledTensor(tensors.push(this.columns.vectors[index]!) - 1, 'Float', [rows, width]));
    }
    await writeTorchArchive(this.path, value, tensors, this.zipOptions);
  }
}

function metadataOf(metadata: Readonly<Record<string, MetadataValue>>): Pickled {
  return new Map(Object.entries(metadata));
}
