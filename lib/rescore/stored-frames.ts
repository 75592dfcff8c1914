import { join } from 'node:path';
import { expected } from '../errors.js';
import { EMBEDDINGS, PREDICTION_RESULTS } from '../output/files.js';
import type { RunManifest } from '../output/manifest.js';
import type { FrameScore } from '../predict/results.js';
import { FRAME_NAMES, type FrameName } from '../windows/open-reading-frames.js';
import { checkFile } from '../output/check-files.js';
import type { OtherClassifier } from './other-classifier.js';
import { StoredEmbeddings } from './stored-embeddings.js';
import { shown, TableReader } from './table-reader.js';

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
      if (!isNext) throw this.#table.damaged(`the next frame of the window ${shown(id)}`, shown(frameId), line);
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
      throw this.#table.damaged('no frame without a window in windows.tsv', shown(id), line);
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
    if (read.length === 0) throw table.damaged(`a frame more of the window ${shown(window)}`, 'the end of the table');
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
  const next = 'Its weights may be damaged; nothing was changed';
  return expected('VNP_NATIVE', `numbers from the classifier of ${model.name}`, `the frame ${shown(id)}`, 'none', next);
}
