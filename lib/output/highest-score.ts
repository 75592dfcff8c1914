import type { WindowResult } from '../predict/results.js';
import { windowId } from '../windows/windows.js';
import type { BufferedFile, Wait } from './buffered-file.js';
import type { ExternalSort } from './external-sort.js';
import { headerLine, HIGHEST_SCORE } from './files.js';
import type { ResultWriter } from './result-writer.js';

const NOT_ASCII = /\P{ASCII}/u;

/** The classic prediction_results_highestscore.csv: written at the end, for it is sorted. */
export class HighestScoreWriter implements ResultWriter {
  readonly #file: BufferedFile;
  readonly #sort: ExternalSort;

  /** @param file one with the encoding latin1, for the ids are kept as UTF-8 bytes */
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
      for (const { key, others, virus } of page) rows += `${key}\t${virus >= others ? 'True' : 'False'}\n`;
      await this.#file.append(rows);
    }
  }
}

/** The text's UTF-8 bytes, one character a byte; ASCII text is its own key. */
export function utf8Key(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}
