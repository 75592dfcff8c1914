import { BufferedFile, openNewFile } from '../output/buffered-file.js';
import type { OpenFile } from '../output/buffered-file.js';
import { ArrowVectors } from './arrow-vectors.js';
import type { EmbeddingFormat } from './formats.js';
import { Hdf5Vectors } from './hdf5-vectors.js';
import { NumpyArchive } from './numpy-archive.js';
import { NumpyVectors } from './numpy-vectors.js';
import { ParquetVectors } from './parquet-vectors.js';
import { TextVectors } from './text-vectors.js';
import { TorchVectors } from './torch-vectors.js';
import { VectorRows } from './vector-table.js';
import type { BlockSink, VectorTable } from './vector-table.js';

/** A file to be written. */
export interface FilePlace {
  /** Where it is written; nothing is there yet. Temporary files beside it have its name and an extension. */
  readonly path: string;
  /** The path that errors name: where the user will find it. */
  readonly shownPath: string;
}

export interface VectorFileOptions {
  readonly open?: OpenFile;
  /** Whether files that are written from start to end are hashed on the way. Default false. */
  readonly hashed?: boolean;
}

/** Names of the files that hold a table in this format: `path`, and for `npy` also the table of its rows. */
export function filesOf(format: EmbeddingFormat, path: string): readonly [string, ...string[]] {
  return format === 'npy' ? [path, `${path.replace(/\.npy$/i, '')}.ids.tsv`] : [path];
}

/**
 * Opens the files of a table.
 *
 * @param places of the files that `filesOf` names
 * @throws VirnucproError VNP_USAGE if the format's package is not installed, VNP_OUTPUT
 */
export async function openVectorFiles(
  format: EmbeddingFormat,
  places: readonly FilePlace[],
  table: VectorTable,
  options: VectorFileOptions = {},
): Promise<VectorRows> {
  return new VectorRows(table, await openSink(format, places, table, options));
}

async function openSink(
  format: EmbeddingFormat,
  places: readonly FilePlace[],
  table: VectorTable,
  { open = openNewFile, hashed = false }: VectorFileOptions,
): Promise<BlockSink> {
  const { path, shownPath } = places[0]!;
  const file = (place = places[0]!, isHashed = hashed): BufferedFile =>
    new BufferedFile({ ...place, open, hashed: isHashed });
  switch (format) {
    case 'parquet':
      return new ParquetVectors(table, file());
    case 'arrow':
      return ArrowVectors.create(table, file());
    case 'npy':
      // Its header is written again at the end.
      return new NumpyVectors(table, path, file(places[0], false), file(places[1]));
    case 'npz':
      return new NumpyArchive(table, path, shownPath);
    case 'h5':
      return Hdf5Vectors.create(table, path, shownPath);
    case 'pt':
      return new TorchVectors(table, path, shownPath);
    case 'tsv':
      return new TextVectors(table, file());
  }
}
