import type { ContigResult, ContigScores, FrameScore, WindowResult } from '../scoring/results.js';
import type { BufferedFile, ResultWriter, Wait } from './buffered-file.js';
import { escapeCell, escapeControls, LastCell } from './cell.js';
import { CONTIGS_TABLE, headerLine, WINDOWS_TABLE } from './files.js';
import { float32Text } from './float-text.js';

const STRANDS: Readonly<Record<string, string>> = { F: '+', R: '-' };

export class WindowsTableWriter implements ResultWriter {
  readonly #file: BufferedFile;
  readonly #contig = new LastCell();
  readonly #source = new LastCell();

  constructor(file: BufferedFile, comment: string) {
    this.#file = file;
    const positions = 'start and end are 0-based, half-open';
    void file.append(`# ${escapeControls(comment)}; ${positions}\n${headerLine(WINDOWS_TABLE)}`);
  }

  window(result: WindowResult): Wait {
    const place = `${this.#contig.of(result.contig)}\t${result.number}\t${result.start}\t${result.end}`;
    const reason = escapeCell(result.reason);
    const score = `${this.#decision(result)}\t${result.frames.length}\t${result.status}\t${reason}`;
    const origin = `${this.#source.of(result.source)}\t${result.record + 1}`;
    return this.#file.append(`${place}\t${score}\t${modelCell(result.model)}\t${origin}\n`);
  }

  #decision({ decidingFrame, call }: WindowResult): string {
    if (decidingFrame === undefined || call === undefined) return '\t\t\tnone';
    const { strand, frame, score } = decisionCells(decidingFrame);
    return `${strand}\t${frame}\t${score}\t${call}`;
  }
}

/** The cells for the frame that decides a window, and for its virus score. */
export function decisionCells({ frame, virus }: FrameScore): { strand: string; frame: string; score: string } {
  return { strand: STRANDS[frame.charAt(0)]!, frame: frame.charAt(1), score: float32Text(virus) };
}

/** The cell for the model that decided a window. */
export function modelCell(name: string): string {
  return escapeCell(name);
}

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

// The mean of float32 scores is a double; as a float32 it reads like them, and equals the score of a lone window.
function scoreCell(score: number | undefined): string {
  return score === undefined ? '' : float32Text(score);
}
