import type { WindowResult } from '../predict/results.js';
import { windowId } from '../windows/windows.js';
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
      const prediction = virus > others ? 'virus' : 'others';
      rows += `${id}${frame}\t${prediction}\t${float32Text(others)}\t${float32Text(virus)}\n`;
    }
    return this.#file.append(rows);
  }
}
