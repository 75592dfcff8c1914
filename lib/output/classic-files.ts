import { classicFrameCall, isVirusInClassicTool } from '../scoring/calls.js';
import type { WindowResult } from '../scoring/results.js';
import { windowId } from '../windows/windows.js';
import type { BufferedFile, ResultWriter, Wait } from './buffered-file.js';
import { escapeControls } from './cell.js';
import type { ExternalSort } from './external-sort.js';
import { headerLine, HIGHEST_SCORE, PREDICTION_RESULTS } from './files.js';
import { float32Text } from './float-text.js';

/** The classic prediction_results.txt. */
export class PredictionResultsWriter implements ResultWriter {
  readonly #file: BufferedFile;

  constructor(file: BufferedFile) {
    this.#file = file;
    void file.append(headerLine(PREDICTION_RESULTS));
  }

  window(result: Pick<WindowResult, 'contig' | 'number' | 'frames'>): Wait {
    if (result.frames.length === 0) return undefined;
    const id = windowId(result.contig, result.number);
    let rows = '';
    for (const { frame, others, virus } of result.frames) {
      rows += `${id}${frame}\t${classicFrameCall(others, virus)}\t${float32Text(others)}\t${float32Text(virus)}\n`;
    }
    return this.#file.append(rows);
  }
}

const NOT_ASCII = /\P{ASCII}/u;

/** The classic prediction_results_highestscore.csv, written at the end because it is sorted. */
export class HighestScoreWriter implements ResultWriter {
  readonly #file: BufferedFile;
  readonly #sort: ExternalSort;

  /** @param file with the encoding latin1, because the ids are kept as UTF-8 bytes */
  constructor(file: BufferedFile, sort: ExternalSort) {
    this.#file = file;
    this.#sort = sort;
  }

  window(result: Pick<WindowResult, 'contig' | 'number' | 'frames'>): Wait {
    if (result.frames.length === 0) return undefined;
    let others = -Infinity;
    let virus = -Infinity;
    for (const frame of result.frames) {
      if (frame.others > others) others = frame.others;
      if (frame.virus > virus) virus = frame.virus;
    }
    return this.#sort.add({ key: utf8Key(windowId(result.contig, result.number)), others, virus });
  }

  async end(): Promise<void> {
    await this.#file.append(headerLine(HIGHEST_SCORE));
    for await (const page of this.#sort.sorted()) {
      let rows = '';
      for (const { key, others, virus } of page)
        rows += `${key}\t${isVirusInClassicTool(others, virus) ? 'True' : 'False'}\n`;
      await this.#file.append(rows);
    }
  }
}

/** The text's UTF-8 bytes, one character a byte; ASCII text is its own key. */
export function utf8Key(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** Something that could not be computed. */
export interface Failure {
  /** The input that the failed ORFs or record come from. */
  readonly path: string;
  readonly stage: 'DNABERT-S' | 'ESM-2' | 'classifier' | 'batch' | 'input';
  readonly message: string;
}

export class FailedFilesWriter {
  readonly #file: BufferedFile;
  #failures = 0;

  constructor(file: BufferedFile) {
    this.#file = file;
  }

  get failures(): number {
    return this.#failures;
  }

  failure({ path, stage, message }: Failure): Wait {
    this.#failures++;
    return this.#file.append(`${escapeControls(path)}|${stage}|${escapeControls(message)}\n`);
  }
}
