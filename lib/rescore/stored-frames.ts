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
  /** Numbers of a row. */
  readonly width: number;
}

/** Reads an embeddings.f32 some rows at a time, into the same memory again and again. */
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

  /** @throws VirnucproError VNP_OUTPUT where it cannot be read */
  static async open(options: StoredEmbeddingsOptions): Promise<StoredEmbeddings> {
    const handle = await open(options.path).catch((cause: unknown) => {
      throw outputError('cannot be read', options.path, cause);
    });
    return new StoredEmbeddings(options, handle);
  }

  /**
   * @returns [rows, width], valid until the next call
   * @throws VirnucproError VNP_OUTPUT where there are not as many
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

/** Frames that are classified in one call: enough for full speed, and 55 MB of embeddings of the published models. */
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

/** The frames of a run with the scores that another classifier gives to their embeddings, in their order. */
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
   * The next frames, which must be those of the window with this id; a promise where that needs reading.
   *
   * @param id UTF-8 bytes as characters
   * @throws VirnucproError VNP_OUTPUT where they are others, VNP_NATIVE where the classifier gives no number
   */
  take(count: number, id: string): FrameScore[] | Promise<FrameScore[]> {
    if (this.#position + count > this.#frames.length) return this.#readOn(id).then(() => this.take(count, id));
    const scores: FrameScore[] = [];
    for (let taken = 0; taken < count; taken++) {
      const { id: frameId, line, others, virus } = this.#frames[this.#position++]!;
      // An id may hold anything that another one ends with: that it is this window's is known from the whole.
      const frame = frameId.startsWith(id) ? FRAMES.get(frameId.slice(id.length)) : undefined;
      const isNext = frame !== undefined && FRAME_NAMES.indexOf(frame) > lastOf(scores);
      if (!isNext)
        throw this.#table.damaged(`has ${shown(frameId)} instead of the next frame of the window ${shown(id)}`, line);
      scores.push({ frame, others, virus });
    }
    return scores;
  }

  /** Checks that nothing is left, and that all that was read is what run.json speaks of. @throws VirnucproError VNP_OUTPUT */
  async end(): Promise<void> {
    const { directory, earlier } = this.#options;
    const isMore = this.#position < this.#frames.length || (await this.#table.advance());
    if (isMore) {
      const { id, line } = this.#frames[this.#position] ?? { id: this.#table.cells[0]!, line: this.#table.line };
      throw this.#table.damaged(`has ${shown(id)}, a frame of no window in windows.tsv`, line);
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

  /** Reads and classifies what comes next. */
  async #readOn(window: string): Promise<void> {
    const table = this.#table;
    const read: { id: string; line: number }[] = [];
    while (read.length < CLASSIFIED_AT_ONCE) {
      let isMore = table.advance();
      if (typeof isMore !== 'boolean') isMore = await isMore;
      if (!isMore) break;
      read.push({ id: table.cells[0]!, line: table.line });
    }
    if (read.length === 0) throw table.damaged(`is the last, but the window ${shown(window)} has another frame`);
    const { classifier, signal } = this.#options;
    const scores = await classifier.classify(await this.#embeddings.read(read.length));
    signal?.throwIfAborted();
    const frames = read.map(({ id, line }, row) => ({
      ...{ id, line },
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

/** What was stored got a number from the classifier of the run, so that this one is to blame. */
function withoutNumber(id: string, { model }: OtherClassifier): Error {
  return new VirnucproError(
    'VNP_NATIVE',
    `The classifier of ${model.name} gave no number for the frame ${shown(id)}. Its weights may be damaged; nothing was ` +
      'changed',
  );
}
