import { extname } from 'node:path';
import { expected } from '../errors.js';

/** The file formats for embeddings. */
export const EMBEDDING_FORMATS = ['parquet', 'arrow', 'npy', 'npz', 'h5', 'pt', 'tsv'] as const;

export type EmbeddingFormat = (typeof EMBEDDING_FORMATS)[number];

const OTHER_EXTENSIONS: Readonly<Record<string, EmbeddingFormat>> = { hdf5: 'h5', feather: 'arrow', pth: 'pt' };

/**
 * The format that a path's extension names: one of EMBEDDING_FORMATS, or `hdf5`, `feather` or `pth`; in either case.
 * @throws VirnucproError VNP_ARGUMENT for any other
 */
export function formatOfPath(path: string): EmbeddingFormat {
  const extension = extname(path).slice(1).toLowerCase();
  const format = isEmbeddingFormat(extension) ? extension : OTHER_EXTENSIONS[extension];
  if (format !== undefined) return format;
  const next = 'Use one of these extensions, or give the format as well';
  throw expected('VNP_ARGUMENT', `one of ${EMBEDDING_FORMATS.join(', ')}`, 'the extension of the file', path, next);
}

export function isEmbeddingFormat(name: unknown): name is EmbeddingFormat {
  return (EMBEDDING_FORMATS as readonly unknown[]).includes(name);
}
