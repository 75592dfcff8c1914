import { outputError } from '../output/output-error.js';
import type { EmbeddingFileHeader, EmbeddingRow } from './embedding-row.js';
import { NamesInTurn } from './file-names.js';
import { beginHdf5, newHdf5File, orThrow, setAttribute } from './hdf5-file.js';
import type { File, Group, Hdf5 } from './hdf5-file.js';
import type { MetadataValue } from './vector-table.js';

/**
 * An HDF5 file with a dataset [tokens, width] for each sequence, named after its id; with several layers a group for
 * each sequence, and in it a dataset for each layer. The attributes `id` and `length` are exact: in a name a slash is
 * `_`, and the second sequence of an id is `id~2`.
 */
export class Hdf5Sequences {
  readonly #hdf5: Hdf5;
  readonly #file: File;
  readonly #shownPath: string;
  readonly #header: EmbeddingFileHeader;
  readonly #names = new NamesInTurn();

  private constructor(hdf5: Hdf5, file: File, shownPath: string, header: EmbeddingFileHeader) {
    this.#hdf5 = hdf5;
    this.#file = file;
    this.#shownPath = shownPath;
    this.#header = header;
  }

  /** @throws VirnucproError VNP_USAGE if h5wasm is not installed, VNP_OUTPUT */
  static async create(
    path: string,
    shownPath: string,
    header: EmbeddingFileHeader,
    metadata: Readonly<Record<string, MetadataValue>>,
  ): Promise<Hdf5Sequences> {
    return beginHdf5(path, shownPath, (hdf5) => {
      return new Hdf5Sequences(hdf5, newHdf5File(hdf5, path, metadata), shownPath, header);
    });
  }

  async write({ id, length, states }: EmbeddingRow): Promise<void> {
    const { layers } = this.#header;
    try {
      const name = this.#newName(id);
      orThrow(this.#hdf5, () => {
        const place =
          layers.length === 1
            ? this.#addDataset(this.#file, name, states[0]!)
            : this.#addLayers(this.#file.create_group(name), states);
        setAttribute(place, 'id', id);
        setAttribute(place, 'length', length);
      });
    } catch (cause) {
      throw outputError('cannot be written', this.#shownPath, cause);
    }
    // The library writes at once: other work gets its turn in between.
    await new Promise(setImmediate);
  }

  async close(): Promise<void> {
    try {
      orThrow(this.#hdf5, () => this.#file.close());
    } catch (cause) {
      throw outputError('cannot be written', this.#shownPath, cause);
    }
    await Promise.resolve();
  }

  async abandon(): Promise<void> {
    try {
      orThrow(this.#hdf5, () => this.#file.close());
    } catch {
      // It is given up in any case.
    }
    await Promise.resolve();
  }

  #newName(id: string): string {
    const safe = id.replaceAll(/[/\0]/g, '_');
    // In a path of HDF5 a dot stands for the place itself.
    const name = safe === '' || safe === '.' ? '_' : safe;
    for (const candidate of this.#names.for(name)) {
      if (this.#file.get(candidate) === null) return candidate;
    }
    return name;
  }

  #addLayers(group: Group, states: readonly Float32Array[]): Group {
    this.#header.layers.forEach((layer, index) => this.#addDataset(group, `layer_${layer}`, states[index]!));
    return group;
  }

  #addDataset(place: Group, name: string, values: Float32Array) {
    const { width } = this.#header;
    return place.create_dataset({ name, data: values, shape: [values.length / width, width], dtype: '<f' });
  }
}
