import type { ContigResult, ContigScores } from '../scoring/results.js';
import type { BufferedFile, Wait } from './buffered-file.js';
import { escapeCell, escapeControls, LastCell } from './cell.js';
import { CONTIGS_TABLE, headerLine } from './files.js';
import { float32Text } from './float-text.js';
import type { ResultWriter } from './result-writer.js';

export class ContigsTableWriter implements ResultWriter {
  readonly #file: BufferedFile;
  readonly #source = new LastCell();

  constructor(file: BufferedFile, comment: string) {
    this.#file = file;
    void file.append(`# ${escapeControls(comment)}\n${headerLine(CONTIGS_TABLE)}`);
  }

  contig(result: ContigResult): Wait {
    const cells = [
      escapeCell(result.contig),
      result.length,
      result.ambiguous,
      result.verdict,
      result.windows,
      result.windowsScored,
      result.windowsVirus,
      ...scoreCells(result),
      result.status,
      escapeCell(result.reason),
      this.#source.of(result.source),
      result.record + 1,
    ];
    return this.#file.append(cells.join('\t') + '\n');
  }
}

/** mean_virus_score, max_virus_score and mean_log_odds. */
export function scoreCells(scores: ContigScores): [mean: string, highest: string, logOdds: string] {
  return [scoreCell(scores.meanVirusScore), scoreCell(scores.maxVirusScore), scoreCell(scores.meanLogOdds)];
}

// The mean is a double, but of float32 scores: as a float32 it reads like them, and equals the score of a lone window.
function scoreCell(score: number | undefined): string {
  return score === undefined ? '' : float32Text(score);
}
