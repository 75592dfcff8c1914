import { join } from 'node:path';
import { filesOf, openVectorFiles } from '../embedding-files/vector-files.js';
import type { FilePlace } from '../embedding-files/vector-files.js';
import type { EmbeddingFormat } from '../embedding-files/formats.js';
import type { VectorRows, VectorTable } from '../embedding-files/vector-table.js';
import { packageVersion } from '../package.js';
import type { WindowResult } from '../scoring/results.js';
import type { OpenFile, ResultWriter, Wait } from './buffered-file.js';
import type { ManifestFile } from './manifest.js';
import { embeddingOf } from './optional-files.js';
import { realSystem } from './system.js';

export interface FormattedEmbeddingsOptions {
  readonly format: EmbeddingFormat;
  /** Name of the model. */
  readonly model: string;
  /** Numbers in the embedding of each language model. */
  readonly widths: { readonly dna: number; readonly protein: number };
}

export interface FormattedEmbeddingsPlace {
  /** The folder that files are written to, and the one that errors name. */
  readonly folder: string;
  readonly shownFolder: string;
  readonly openFile: OpenFile;
}

/** The embeddings of all scored frames in the format of another program: a row for each frame, with its place. */
export class FormattedEmbeddings implements ResultWriter {
  readonly #rows: VectorRows;
  readonly #places: readonly (FilePlace & { readonly name: string })[];
  readonly #dna: number;

  private constructor(rows: VectorRows, places: readonly (FilePlace & { readonly name: string })[], dna: number) {
    this.#rows = rows;
    this.#places = places;
    this.#dna = dna;
  }

  /** @throws VirnucproError VNP_USAGE if the format's package is not installed, VNP_OUTPUT */
  static async open(
    { format, model, widths }: FormattedEmbeddingsOptions,
    { folder, shownFolder, openFile }: FormattedEmbeddingsPlace,
  ): Promise<FormattedEmbeddings> {
    const places = filesOf(format, `embeddings.${format}`).map((name) => ({
      name,
      path: join(folder, name),
      shownPath: join(shownFolder, name),
    }));
    const rows = await openVectorFiles(format, places, tableOf(model, widths), { open: openFile, hashed: true });
    return new FormattedEmbeddings(rows, places, widths.dna);
  }

  window(result: WindowResult): Wait {
    return this.#framesFrom(0, result);
  }

  /** @throws VirnucproError VNP_OUTPUT */
  async close(): Promise<ManifestFile[]> {
    const summaries = await this.#rows.close();
    return Promise.all(
      this.#places.map(async ({ name, path }, index) => {
        const { bytes, sha256 } = summaries[index] ?? (await realSystem.files.digest(path));
        return { name, bytes, sha256 };
      }),
    );
  }

  async abandon(): Promise<void> {
    await this.#rows.abandon();
  }

  #framesFrom(first: number, result: WindowResult): Wait {
    const { contig, index: record, number, frames } = result;
    for (let index = first; index < frames.length; index++) {
      const embedding = embeddingOf(result, index);
      if (embedding instanceof Error) return Promise.reject(embedding);
      const keys = [contig, record + 1, number, frames[index]!.frame];
      const room = this.#rows.append(keys, [embedding.subarray(0, this.#dna), embedding.subarray(this.#dna)]);
      if (room !== undefined) return room.then(() => this.#framesFrom(index + 1, result));
    }
    return undefined;
  }
}

function tableOf(model: string, { dna, protein }: FormattedEmbeddingsOptions['widths']): VectorTable {
  return {
    keys: [
      { name: 'contig', type: 'text' },
      { name: 'record', type: 'integer' },
      { name: 'window', type: 'integer' },
      { name: 'frame', type: 'text' },
    ],
    vectors: [
      { name: 'dna', width: dna },
      { name: 'protein', width: protein },
    ],
    metadata: { virnucpro: packageVersion, model, dna_width: dna, protein_width: protein, pool: 'mean' },
  };
}
