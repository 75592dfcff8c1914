import { shown, type TableReader } from './table-reader.js';

/** Where the scores come from by which windows are called anew. */
export interface WindowScores {
  /**
   * The virus score of the window in the current row of windows.tsv, undefined where it has none. What else the row says of
   * the score may be changed with it. One call for each row, in order.
   *
   * @param contig its cell
   * @throws VirnucproError VNP_OUTPUT for what cannot be right
   */
  ofWindow(contig: string, number: number): number | undefined | Promise<number | undefined>;
}

/** Scores are printed like this; `nan` and `inf` are no scores. */
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
    // The text is the shortest that reads back to the float32; as a double it would be another number.
    const score = Math.fround(Number(text));
    if (SCORE.test(text) && score <= 1) return score;
    throw this.#windows.damaged('a virus_score from 0 to 1', shown(text));
  }
}
