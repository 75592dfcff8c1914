import { both, type BufferedFile, openNewFile } from '../output/buffered-file.js';
import { escapeCell, unescapeCell } from '../output/cell.js';
import { HighestScoreWriter, PredictionResultsWriter, utf8Key } from '../output/classic-files.js';
import { ExternalSort } from '../output/external-sort.js';
import { HIGHEST_SCORE, PREDICTION_RESULTS } from '../output/files.js';
import type { ManifestFile } from '../output/manifest.js';
import { frameCell, scoreCell, strandCell } from '../output/tables.js';
import { decidingFrame } from '../scoring/window-result.js';
import type { FrameScore } from '../scoring/results.js';
import { windowId } from '../windows/windows.js';
import type { StoredFrames } from './stored-frames.js';
import { cellText, shown, type TableReader } from './table-reader.js';

/** Where the scores for the new calls come from. */
export interface WindowScores {
  /**
   * The virus score of the window in the current row of windows.tsv, undefined if it has none. May also change the
   * row's other cells about the score. Call once for each row, in order.
   *
   * @param contig its cell
   * @throws VirnucproError VNP_OUTPUT for malformed or inconsistent data
   */
  ofWindow(contig: string, number: number): number | undefined | Promise<number | undefined>;
}

/** How scores are printed; `nan` and `inf` are not scores. */
const SCORE = /^\d(?:\.\d+)?(?:e-\d+)?$/;

/** The scores in windows.tsv itself. */
export class StoredScores implements WindowScores {
  readonly #windows: TableReader;
  readonly #position: number;

  constructor(windows: TableReader) {
    this.#windows = windows;
    this.#position = windows.position('virus_score');
  }

  ofWindow(): number | undefined {
    const text = this.#windows.cells[this.#position]!;
    if (text === '') return undefined;
    // The text is the shortest that reads back as the float32; read as a double it would be another number.
    const score = Math.fround(Number(text));
    if (SCORE.test(text) && score <= 1) return score;
    throw this.#windows.damaged(`has ${shown(text)} instead of a virus_score from 0 to 1`);
  }
}

const FRAMES = /^[0-6]$/;

export interface NewScoresOptions {
  readonly windows: TableReader;
  readonly frames: StoredFrames;
  /** Creates a file; `latin1` is for text whose characters each stand for a UTF-8 byte. */
  readonly newFile: (name: string, encoding: 'utf8' | 'latin1') => BufferedFile;
  /** Name of the model that the scores come from. */
  readonly model: string;
  /** Folder for what does not fit into memory during sorting. */
  readonly temporary: string;
}

/** The scores of another classifier, which are also written to the classic files as predict does. */
export class NewScores implements WindowScores {
  readonly #options: NewScoresOptions;
  readonly #position: { strand: number; frame: number; score: number; frames: number; model: number };
  readonly #files: readonly { name: string; file: BufferedFile }[];
  readonly #results: PredictionResultsWriter;
  readonly #highest: HighestScoreWriter;
  #cell = '';
  #contig = '';

  constructor(options: NewScoresOptions) {
    const { windows, newFile, temporary } = options;
    this.#options = options;
    this.#position = {
      strand: windows.position('strand'),
      frame: windows.position('frame'),
      score: windows.position('virus_score'),
      frames: windows.position('frames'),
      model: windows.position('model'),
    };
    const results = newFile(PREDICTION_RESULTS.name, 'utf8');
    const highest = newFile(HIGHEST_SCORE.name, 'latin1');
    this.#files = [
      { name: PREDICTION_RESULTS.name, file: results },
      { name: HIGHEST_SCORE.name, file: highest },
    ];
    this.#results = new PredictionResultsWriter(results);
    this.#highest = new HighestScoreWriter(highest, new ExternalSort({ folder: temporary, open: openNewFile }));
  }

  ofWindow(cell: string, number: number): number | undefined | Promise<number | undefined> {
    const { windows, frames } = this.#options;
    const text = windows.cells[this.#position.frames]!;
    if (!FRAMES.test(text)) throw windows.damaged(`has ${shown(text)} instead of a number of frames from 0 to 6`);
    const count = Number(text);
    const isScored = windows.cells[this.#position.score] !== '';
    if (isScored && count === 0) throw windows.damaged(`has a score but ${text} frames`);
    if (count === 0) return undefined;
    if (cell !== this.#cell) {
      this.#cell = cell;
      this.#contig = unescapeCell(cellText(cell));
    }
    const taken = frames.take(count, utf8Key(windowId(this.#contig, number)));
    return taken instanceof Promise
      ? taken.then((known) => this.#enter(number, known, isScored))
      : this.#enter(number, taken, isScored);
  }

  /** Completes the classic files. @throws VirnucproError VNP_OUTPUT if not all stored frames were used */
  async end(): Promise<ManifestFile[]> {
    await this.#options.frames.end();
    await this.#highest.end();
    const files: ManifestFile[] = [];
    for (const { name, file } of this.#files) files.push({ name, ...(await file.close()) });
    return files;
  }

  async close(): Promise<void> {
    await Promise.all([this.#options.frames.close(), ...this.#files.map(({ file }) => file.abandon())]);
  }

  #enter(
    number: number,
    frames: readonly FrameScore[],
    isScored: boolean,
  ): number | undefined | Promise<number | undefined> {
    const window = { contig: this.#contig, number, frames };
    const wait = both(this.#results.window(window), this.#highest.window(window));
    // A window with a failed frame has no score, whatever its other frames have.
    const score = isScored ? this.#decide(decidingFrame(frames)!) : undefined;
    return wait === undefined ? score : wait.then(() => score);
  }

  #decide(frame: FrameScore): number {
    const { cells } = this.#options.windows;
    cells[this.#position.strand] = strandCell(frame);
    cells[this.#position.frame] = frameCell(frame);
    cells[this.#position.score] = scoreCell(frame.virus);
    // Tables of early versions have no such column.
    if (this.#position.model >= 0) cells[this.#position.model] = utf8Key(escapeCell(this.#options.model));
    return frame.virus;
  }
}
