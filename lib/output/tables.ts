import type { ContigResult, FrameScore, WindowResult } from '../scoring/results.js';
import type { BufferedFile, ResultWriter, Wait } from './buffered-file.js';
import { escapeCell, escapeControls, LastCell } from './cell.js';
import { CONTIGS_TABLE, headerLine, WINDOWS_TABLE } from './files.js';
import type { OutputFile } from './files.js';
import { float32Text } from './float-text.js';

type Cell<Result> = (result: Result) => string | number;

/** Writes a table row by row. */
class TableWriter<Column extends string, Result> {
  readonly #file: BufferedFile;
  /** In the order of the columns. */
  readonly #cells: readonly Cell<Result>[];

  constructor(
    file: BufferedFile,
    table: OutputFile<Column>,
    comment: string,
    cells: Readonly<Record<Column, Cell<Result>>>,
  ) {
    this.#file = file;
    this.#cells = table.columns.map(({ name }) => cells[name]);
    void file.append(`# ${comment}\n${headerLine(table)}`);
  }

  row(result: Result): Wait {
    let row = '';
    let separator = '';
    for (const cell of this.#cells) {
      row += `${separator}${cell(result)}`;
      separator = '\t';
    }
    return this.#file.append(`${row}\n`);
  }
}

export class WindowsTableWriter implements ResultWriter {
  readonly #contig = new LastCell();
  readonly #source = new LastCell();
  readonly #table;

  constructor(file: BufferedFile, comment: string) {
    const positions = 'start and end are 0-based, half-open';
    this.#table = new TableWriter(file, WINDOWS_TABLE, `${escapeControls(comment)}; ${positions}`, {
      contig: ({ contig }: WindowResult) => this.#contig.of(contig),
      window: ({ number }) => number,
      start: ({ start }) => start,
      end: ({ end }) => end,
      strand: ({ decidingFrame }) => (decidingFrame ? strandCell(decidingFrame) : ''),
      frame: ({ decidingFrame }) => (decidingFrame ? frameCell(decidingFrame) : ''),
      virus_score: ({ decidingFrame }) => scoreCell(decidingFrame?.virus),
      call: ({ call = 'none' }) => call,
      frames: ({ frames }) => frames.length,
      status: ({ status }) => status,
      reason: ({ reason }) => escapeCell(reason),
      model: ({ model }) => escapeCell(model),
      source: ({ source }) => this.#source.of(source),
      record: ({ index }) => index + 1,
    });
  }

  window(result: WindowResult): Wait {
    return this.#table.row(result);
  }
}

export class ContigsTableWriter implements ResultWriter {
  readonly #source = new LastCell();
  readonly #table;

  constructor(file: BufferedFile, comment: string) {
    this.#table = new TableWriter(file, CONTIGS_TABLE, escapeControls(comment), {
      contig: ({ contig }: ContigResult) => escapeCell(contig),
      length: ({ length }) => length,
      ambiguous: ({ ambiguous }) => ambiguous,
      verdict: ({ verdict }) => verdict,
      windows: ({ windows }) => windows,
      windows_scored: ({ windowsScored }) => windowsScored,
      windows_virus: ({ windowsVirus }) => windowsVirus,
      mean_virus_score: ({ meanVirusScore }) => scoreCell(meanVirusScore),
      max_virus_score: ({ maxVirusScore }) => scoreCell(maxVirusScore),
      mean_log_odds: ({ meanLogOdds }) => scoreCell(meanLogOdds),
      status: ({ status }) => status,
      reason: ({ reason }) => escapeCell(reason),
      source: ({ source }) => this.#source.of(source),
      record: ({ index }) => index + 1,
    });
  }

  contig(result: ContigResult): Wait {
    return this.#table.row(result);
  }
}

export function strandCell({ frame }: FrameScore): string {
  return frame.startsWith('F') ? '+' : '-';
}

export function frameCell({ frame }: FrameScore): string {
  return frame.charAt(1);
}

// The mean of float32 scores is a double; as a float32 it reads like them, and equals the score of a lone window.
export function scoreCell(score: number | undefined): string {
  return score === undefined ? '' : float32Text(score);
}
