import { classicFrameCall } from '../scoring/calls.js';
import type { WindowResult } from '../scoring/results.js';
import { windowId } from '../windows/window.js';
import type { BufferedFile, Wait } from './buffered-file.js';
import { headerLine, PREDICTION_RESULTS } from './files.js';
import { float32Text } from './float-text.js';
import type { ResultWriter } from './result-writer.js';

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
