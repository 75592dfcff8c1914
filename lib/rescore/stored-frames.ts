import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { VirnucproError } from '../errors.js';
import type { FileSummary } from '../output/buffered-file.js';
import { EMBEDDINGS, PREDICTION_RESULTS } from '../output/files.js';
import { checkFile } from '../output/finished-run.js';
import type { RunManifest } from '../output/manifest.js';
import { outputError } from '../output/output-error.js';
import type { FrameScore } from '../scoring/results.js';
import { FRAME_NAMES, type FrameName } from '../windows/open-reading-frames.js';
import type { OtherClassifier } from './other-classifier.js';
import { shown, TableReader } from './table-reader.js';

export interface StoredEmbeddingsOptions {
  readonly path: string;
  /** Numbers in a row. */
  readonly width: number;
}

/** Reads an embeddings.f32 some rows at a time, reusing the same memory. */
export class StoredEmbeddings {
  readonly #options: StoredEmbeddingsOptions;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #memory = new Float32Array(0);
  #bytes = 0;

  private constructor(options: StoredEmbeddingsOptions, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
  }

  /** @throws VirnucproError VNP_OUTPUT if the file cannot be read */
  static async open(options: StoredEmbeddingsOptions): Promise<StoredEmbeddings> {
    const handle = await open(options.path).catch((cause: unknown) => {
      throw outputError('cannot be read', options.path, cause);
    });
    return new StoredEmbeddings(options, handle);
  }

  /**
   * @returns [rows, width], valid until the next call
   * @throws VirnucproError VNP_OUTPUT if fewer rows are left
   */
  async read(rows: number): Promise<Float32Array> {
    const { path, width } = this.#options;
    if (this.#memory.length < rows * width) this.#memory = new Float32Array(rows * width);
    const wanted = this.#memory.subarray(0, rows * width);
    const bytes = new Uint8Array(wanted.buffer, 0, wanted.byteLength);
    for (let filled = 0; filled < bytes.length;) {
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled).catch((cause: unknown) => {
        throw outputError('cannot be read', path, cause);
      });
      if (bytesRead === 0) {
        throw new VirnucproError(
          'VNP_OUTPUT',
          `${path} ends before the embeddings of ${rows} more frames. The file was changed or damaged after the run: ` +
            'predict again',
        );
      }
      filled += bytesRead;
    }
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    return wanted;
  }

  /** The size and hash of what was read. */
  summary(): FileSummary {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Frames classified in one call: enough for full speed, and 55 MB of embeddings with the published models. */
const CLASSIFIED_AT_ONCE = 4096;

const FRAMES: ReadonlyMap<string, FrameName> = new Map(FRAME_NAMES.map((name) => [name, name]));

interface StoredFrame {
  /** Its id in prediction_results.txt, UTF-8 bytes as characters. */
  readonly id: string;
  readonly line: number;
  readonly others: number;
  readonly virus: number;
}

export interface StoredFramesOptions {
  readonly directory: string;
  readonly earlier: RunManifest;
  readonly classifier: OtherClassifier;
  readonly signal: AbortSignal | undefined;
}

/** The frames of a run, in order, with another classifier's scores for their embeddings. */
export class StoredFrames {
  readonly #options: StoredFramesOptions;
  readonly #table: TableReader;
  readonly #embeddings: StoredEmbeddings;
  #frames: StoredFrame[] = [];
  #position = 0;

  private constructor(options: StoredFramesOptions, table: TableReader, embeddings: StoredEmbeddings) {
    this.#options = options;
    this.#table = table;
    this.#embeddings = embeddings;
  }

  /** @throws VirnucproError VNP_OUTPUT */
  static async open(options: StoredFramesOptions): Promise<StoredFrames> {
    const { directory, classifier, signal } = options;
    const path = join(directory, PREDICTION_RESULTS.name);
    const columns = PREDICTION_RESULTS.columns.map(({ name }) => name);
    const table = await TableReader.open({ path, shownPath: path, columns, hasComment: false, signal });
    try {
      const { width } = classifier;
      return new StoredFrames(
        options,
        table,
        await StoredEmbeddings.open({ path: join(directory, EMBEDDINGS.name), width }),
      );
    } catch (error) {
      await table.close();
      throw error;
    }
  }

  /**
   * The next frames, which must be those of the window with this id; a promise if more must be read.
   *
   * @param id UTF-8 bytes as characters
   * @throws VirnucproError VNP_OUTPUT if they are not, VNP_NATIVE if the classifier gives no number
   */
  take(count: number, id: string): FrameScore[] | Promise<FrameScore[]> {
    if (this.#position + count > this.#frames.length) return this.#readOn(id).then(() => this.take(count, id));
    const scores: FrameScore[] = [];
    for (let taken = 0; taken < count; taken++) {
      const { id: frameId, line, others, virus } = this.#frames[this.#position++]!;
      // Ids may contain anything, even a frame suffix: only the whole id shows that the frame is this window's.
      const frame = frameId.startsWith(id) ? FRAMES.get(frameId.slice(id.length)) : undefined;
      const isNext = frame !== undefined && FRAME_NAMES.indexOf(frame) > lastOf(scores);
      if (!isNext)
        throw this.#table.damaged(`has ${shown(frameId)} instead of the next frame of the window ${shown(id)}`, line);
      scores.push({ frame, others, virus });
    }
    return scores;
  }

  /** Checks that no frame is left, and that what was read matches run.json. @throws VirnucproError VNP_OUTPUT */
  async end(): Promise<void> {
    const { directory, earlier } = this.#options;
    const isMore = this.#position < this.#frames.length || (await this.#table.advance());
    if (isMore) {
      const { id, line } = this.#frames[this.#position] ?? { id: this.#table.cells[0]!, line: this.#table.line };
      throw this.#table.damaged(`has ${shown(id)}, a frame that belongs to no window in windows.tsv`, line);
    }
    for (const [file, found] of [
      [PREDICTION_RESULTS, this.#table.summary()],
      [EMBEDDINGS, this.#embeddings.summary()],
    ] as const) {
      checkFile(
        directory,
        earlier.files.find(({ name }) => name === file.name)!,
        found,
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#table.close(), this.#embeddings.close()]);
  }

  /** Reads and classifies the next frames. */
  async #readOn(window: string): Promise<void> {
    const table = this.#table;
    const read: { id: string; line: number }[] = [];
    while (read.length < CLASSIFIED_AT_ONCE) {
      let isMore = table.advance();
      if (typeof isMore !== 'boolean') isMore = await isMore;
      if (!isMore) break;
      read.push({ id: table.cells[0]!, line: table.line });
    }
    if (read.length === 0) throw table.damaged(`is the last row, but the window ${shown(window)} has more frames`);
    const { classifier, signal } = this.#options;
    const scores = await classifier.classify(await this.#embeddings.read(read.length));
    signal?.throwIfAborted();
    const frames = read.map(({ id, line }, row) => ({
      id,
      line,
      others: scores[2 * row]!,
      virus: scores[2 * row + 1]!,
    }));
    for (const { id, others, virus } of frames) {
      if (!Number.isFinite(others + virus)) throw withoutNumber(id, classifier);
    }
    this.#frames = [...this.#frames.slice(this.#position), ...frames];
    this.#position = 0;
  }
}

function lastOf(scores: readonly FrameScore[]): number {
  const last: FrameName | undefined = scores.at(-1)?.frame;
  return last === undefined ? -1 : FRAME_NAMES.indexOf(last);
}

/** The run's classifier gave numbers for all stored embeddings, so this classifier is at fault. */
function withoutNumber(id: string, { model }: OtherClassifier): Error {
  return new VirnucproError(
    'VNP_NATIVE',
    `The classifier of ${model.name} produced a non-finite score for the frame ${shown(id)}. Its weights may be damaged; nothing was ` +
      'changed',
  );
}
