import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expected, VirnucproError } from '../errors.js';
import type { Wait } from '../output/buffered-file.js';
import { outputError } from '../output/output-error.js';
import { packageVersion } from '../package.js';
import type { EmbeddingFileHeader, EmbeddingRow } from './embedding-row.js';
import { EMBEDDING_FORMATS, isEmbeddingFormat } from './formats.js';
import type { EmbeddingFormat } from './formats.js';
import { Hdf5Sequences } from './hdf5-sequences.js';
import { checkEmptyFolder, TorchFolder } from './torch-folder.js';
import { filesOf, openVectorFiles } from './vector-files.js';
import type { FilePlace } from './vector-files.js';
import type { MetadataValue, VectorRows, VectorTable } from './vector-table.js';

/** Writes the embeddings of sequences to a file or folder, which appears whole when it is closed, or not at all. */
export interface EmbeddingWriter {
  /**
   * Writes one sequence; its numbers are copied. Await a returned promise before the next call.
   * @throws VirnucproError VNP_OUTPUT, VNP_ARGUMENT if the states do not have the header's layers and width
   */
  write(row: EmbeddingRow): Promise<void> | undefined;
  /** Completes the file and puts it in place, replacing an earlier one. @throws VirnucproError VNP_OUTPUT */
  close(): Promise<void>;
  /** Removes what was written. Does nothing after `close`; never fails. */
  abandon(): Promise<void>;
}

/**
 * Opens a writer. Memory does not grow with the number of sequences.
 *
 * @param path of the file. With the format `pt` and without the extension .pt: of a folder, which gets a file for each
 *   sequence, as the extract script of fair-esm makes them; nothing may be in it
 * @throws VirnucproError VNP_ARGUMENT, VNP_OUTPUT, VNP_USAGE if the format needs a package that is not installed
 */
export async function createEmbeddingWriter(
  format: EmbeddingFormat,
  path: string,
  header: EmbeddingFileHeader,
): Promise<EmbeddingWriter> {
  if (!isEmbeddingFormat(format)) {
    throw expected('VNP_ARGUMENT', `one of ${EMBEDDING_FORMATS.join(', ')}`, 'the format', String(format));
  }
  const isFolder = format === 'pt' && !/\.pth?$/i.test(path);
  if (isFolder) await checkEmptyFolder(path);
  const names = isFolder ? [path] : filesOf(format, path);
  const token = randomBytes(6).toString('hex');
  const places = names.map((name, index) => ({ path: partialPath(name, token, index), shownPath: name }));
  const content = await openContent({ format, isFolder, places, header });
  return new PlacedWriter(content, places, header);
}

/** Beside the file, so that it can be renamed. */
function partialPath(path: string, token: string, index: number): string {
  return join(dirname(path), `.${[...basename(path)].slice(0, 40).join('')}.partial-${token}-${index}`);
}

interface Content {
  write(row: EmbeddingRow): Wait;
  close(): Promise<unknown>;
  abandon(): Promise<void>;
}

async function openContent(options: {
  format: EmbeddingFormat;
  isFolder: boolean;
  places: readonly FilePlace[];
  header: EmbeddingFileHeader;
}): Promise<Content> {
  const { format, isFolder, places, header } = options;
  const { path, shownPath } = places[0]!;
  if (isFolder) return TorchFolder.create(path, shownPath, header);
  const metadata = metadataOf(header);
  if (header.pool !== 'tokens') return pooledContent(await openVectorFiles(format, places, pooledTable(header)));
  if (format === 'h5') return Hdf5Sequences.create(path, shownPath, header, metadata);
  return new TokensContent(await openVectorFiles(format, places, tokensTable(header)), header.width);
}

function metadataOf({
  model,
  part,
  layers,
  width,
  pool,
  precision,
}: EmbeddingFileHeader): Record<string, MetadataValue> {
  return { virnucpro: packageVersion, model, part, layers, width, pool, precision };
}

function vectorsOf({ layers, width }: EmbeddingFileHeader): VectorTable['vectors'] {
  if (layers.length === 1) return [{ name: 'embedding', width }];
  return layers.map((layer) => ({ name: `layer_${layer}`, width }));
}

function pooledTable(header: EmbeddingFileHeader): VectorTable {
  return {
    keys: [
      { name: 'id', type: 'text' },
      { name: 'length', type: 'integer' },
    ],
    vectors: vectorsOf(header),
    metadata: metadataOf(header),
  };
}

function tokensTable(header: EmbeddingFileHeader): VectorTable {
  return {
    keys: [
      { name: 'id', type: 'text' },
      { name: 'record', type: 'integer' },
      { name: 'token', type: 'integer' },
    ],
    vectors: vectorsOf(header),
    metadata: metadataOf(header),
  };
}

function pooledContent(rows: VectorRows): Content {
  return {
    write: ({ id, length, states }) => rows.append([id, length], states),
    close: () => rows.close(),
    abandon: () => rows.abandon(),
  };
}

/** A row for each token, with the number of its sequence in the file. */
class TokensContent implements Content {
  readonly #rows: VectorRows;
  readonly #width: number;
  #records = 0;

  constructor(rows: VectorRows, width: number) {
    this.#rows = rows;
    this.#width = width;
  }

  write({ id, states }: EmbeddingRow): Wait {
    this.#records++;
    return this.#from(0, this.#records, id, states);
  }

  close(): Promise<unknown> {
    return this.#rows.close();
  }

  async abandon(): Promise<void> {
    await this.#rows.abandon();
  }

  #from(first: number, record: number, id: string, states: readonly Float32Array[]): Wait {
    const tokens = states[0]!.length / this.#width;
    for (let token = first; token < tokens; token++) {
      const room = this.#rows.append([id, record, token], states, token);
      if (room !== undefined) return room.then(() => this.#from(token + 1, record, id, states));
    }
    return undefined;
  }
}

/** Puts files in place when they are complete. */
class PlacedWriter implements EmbeddingWriter {
  readonly #content: Content;
  readonly #places: readonly FilePlace[];
  readonly #header: EmbeddingFileHeader;
  #isEnded = false;

  constructor(content: Content, places: readonly FilePlace[], header: EmbeddingFileHeader) {
    this.#content = content;
    this.#places = places;
    this.#header = header;
  }

  write(row: EmbeddingRow): Promise<void> | undefined {
    if (this.#isEnded)
      return Promise.reject(new VirnucproError('VNP_CLOSED', 'The writer is closed: open another one'));
    const problem = this.#problemOf(row);
    return problem ? Promise.reject(problem) : this.#content.write(row);
  }

  async close(): Promise<void> {
    if (this.#isEnded) return;
    try {
      await this.#content.close();
      // The file itself is last: where it is, everything is.
      for (const { path, shownPath } of [...this.#places].reverse()) {
        await rename(path, shownPath).catch((cause: unknown) => {
          throw outputError('cannot be put in place', shownPath, cause);
        });
      }
      this.#isEnded = true;
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  async abandon(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#content.abandon();
    for (const { path } of this.#places) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }

  #problemOf({ id, states }: EmbeddingRow): VirnucproError | undefined {
    const { layers, width, pool } = this.#header;
    const tokens = pool === 'tokens' ? (states[0]?.length ?? 0) / width : 1;
    const isRight =
      states.length === layers.length &&
      Number.isInteger(tokens) &&
      states.every((values) => values.length === tokens * width);
    if (isRight) return undefined;
    const wanted = `${layers.length} arrays of ${pool === 'tokens' ? `rows of ${width}` : width} numbers`;
    const found = states.map((values) => values.length).join(', ');
    return expected('VNP_ARGUMENT', wanted, `the states of ${JSON.stringify(id.slice(0, 80))}`, `lengths of ${found}`);
  }
}
