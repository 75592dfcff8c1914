import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { outputError } from '../output/output-error.js';
import { codeOf } from '../output/system.js';
import type { EmbeddingFileHeader, EmbeddingPool, EmbeddingRow } from './embedding-row.js';
import { fileNameFor, NamesInTurn } from './file-names.js';
import { PickledTensor } from './pickle.js';
import type { Pickled } from './pickle.js';
import { writeTorchArchive } from './torch-archive.js';
import { bytesOf } from './vector-table.js';

/** The names that the extract script of fair-esm uses, except for `max`, which it does not have. */
const NAMES: Readonly<Record<EmbeddingPool, string>> = {
  tokens: 'representations',
  mean: 'mean_representations',
  cls: 'bos_representations',
  max: 'max_representations',
};

/** A folder with a file for torch.load for each sequence, named after its id, as the extract script of fair-esm makes. */
export class TorchFolder {
  readonly #folder: string;
  readonly #shownPath: string;
  readonly #header: EmbeddingFileHeader;
  readonly #names = new NamesInTurn();

  private constructor(folder: string, shownPath: string, header: EmbeddingFileHeader) {
    this.#folder = folder;
    this.#shownPath = shownPath;
    this.#header = header;
  }

  /** @param folder is made, and must not exist */
  static async create(folder: string, shownPath: string, header: EmbeddingFileHeader): Promise<TorchFolder> {
    await mkdir(folder).catch((cause: unknown) => {
      throw outputError('cannot be made', shownPath, cause);
    });
    return new TorchFolder(folder, shownPath, header);
  }

  async write(row: EmbeddingRow): Promise<void> {
    const { layers, pool } = this.#header;
    const states = row.states.map((values) => this.#asInScript(row, values));
    const tensors = new Map(
      layers.map((layer, index): [number, Pickled] => [layer, this.#tensor(index, states[index]!)]),
    );
    const value = new Map<string, Pickled>([
      ['label', row.id],
      [NAMES[pool], tensors],
    ]);
    const data = states.map((values) => ({ bytes: values.byteLength, read: () => [bytesOf(values)] }));
    for (const stem of this.#names.for(row.id)) {
      try {
        await writeTorchArchive(join(this.#folder, fileNameFor(stem, '.pt')), value, data, { forced: false });
        return;
      } catch (cause) {
        if (codeOf(cause) !== 'EEXIST') throw outputError('cannot be written', this.#shownPath, cause);
      }
    }
  }

  async close(): Promise<void> {
    // The folder is complete.
  }

  async abandon(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined);
  }

  /** The script leaves out the tokens that ESM-2 adds at both ends. */
  #asInScript({ length }: EmbeddingRow, values: Float32Array): Float32Array<ArrayBuffer> {
    const { pool, part, width } = this.#header;
    const hasEnds = pool === 'tokens' && part === 'protein' && values.length === (length + 2) * width;
    // Copied, because the memory may belong to a batch and be shared.
    return (hasEnds ? values.subarray(width, values.length - width) : values).slice();
  }

  #tensor(key: number, values: Float32Array): PickledTensor {
    const { pool, width } = this.#header;
    return new PickledTensor(key, 'Float', pool === 'tokens' ? [values.length / width, width] : [width]);
  }
}

/** @throws VirnucproError VNP_OUTPUT if there is something in the folder */
export async function checkEmptyFolder(path: string): Promise<void> {
  const names = await readdir(path).catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT') return [];
    throw outputError('cannot be used as a folder', path, cause);
  });
  if (names.length > 0) throw outputError('cannot be used', path, new Error('the folder is not empty'));
}
