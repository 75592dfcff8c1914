import type { ContigResult, FrameScore, WindowResult } from '../scoring/results.js';
import type { BufferedFile, ResultWriter, Wait } from './buffered-file.js';
import { escapeControls, LastCell } from './cell.js';
import { CONTIGS_TABLE, headerLine, WINDOWS_TABLE } from './files.js';
import type { OutputColumn, OutputFile } from './files.js';
import { float32Text } from './float-text.js';
import { ParquetTable } from './parquet-table.js';
import type { TableFormat, TableSink, TableValue } from './table-sink.js';

type Values<Table extends OutputFile, Result> = Readonly<
  Record<Table['columns'][number]['name'], (result: Result) => TableValue>
>;

const WINDOW_VALUES: Values<typeof WINDOWS_TABLE, WindowResult> = {
  contig: ({ contig }) => contig,
  window: ({ number }) => number,
  start: ({ start }) => start,
  end: ({ end }) => end,
  strand: ({ decidingFrame }) => decidingFrame && strandCell(decidingFrame),
  frame: ({ decidingFrame }) => decidingFrame && Number(frameCell(decidingFrame)),
  virus_score: ({ decidingFrame }) => decidingFrame?.virus,
  call: ({ call = 'none' }) => call,
  frames: ({ frames }) => frames.length,
  status: ({ status }) => status,
  reason: ({ reason }) => reason || undefined,
  model: ({ model }) => model || undefined,
  source: ({ source }) => source,
  record: ({ index }) => index + 1,
};

const CONTIG_VALUES: Values<typeof CONTIGS_TABLE, ContigResult> = {
  contig: ({ contig }) => contig,
  length: ({ length }) => length,
  ambiguous: ({ ambiguous }) => ambiguous,
  verdict: ({ verdict }) => verdict,
  windows: ({ windows }) => windows,
  windows_scored: ({ windowsScored }) => windowsScored,
  windows_virus: ({ windowsVirus }) => windowsVirus,
  mean_virus_score: ({ meanVirusScore }) => meanVirusScore,
  max_virus_score: ({ maxVirusScore }) => maxVirusScore,
  mean_log_odds: ({ meanLogOdds }) => meanLogOdds,
  status: ({ status }) => status,
  reason: ({ reason }) => reason || undefined,
  source: ({ source }) => source,
  record: ({ index }) => index + 1,
};

function valuesInOrder<Result>(
  { columns }: OutputFile,
  values: Readonly<Record<string, (result: Result) => TableValue>>,
): (result: Result) => TableValue[] {
  const functions = columns.map(({ name }) => values[name]!);
  return (result) => functions.map((value) => value(result));
}

/** A table as tab-separated text. */
class TextTable implements TableSink {
  readonly #file: BufferedFile;
  /** In the order of the columns. */
  readonly #cells: readonly ((value: string | number) => string)[];

  constructor(file: BufferedFile, table: OutputFile, comment: string) {
    this.#file = file;
    this.#cells = table.columns.map(cellOf);
    void file.append(`# ${comment}\n${headerLine(table)}`);
  }

  row(values: readonly TableValue[]): Wait {
    let row = '';
    let separator = '';
    for (const [column, value] of values.entries()) {
      row += separator;
      if (value !== undefined) row += this.#cells[column]!(value);
      separator = '\t';
    }
    return this.#file.append(`${row}\n`);
  }
}

function cellOf({ type }: OutputColumn): (value: string | number) => string {
  if (type === 'score') return (value) => scoreCell(value as number);
  if (type !== 'text') return String;
  const last = new LastCell();
  return (value) => last.of(value as string);
}

/** Writes windows.tsv or windows.parquet. */
export class WindowsTableWriter implements ResultWriter {
  readonly #table: TableSink;
  readonly #values = valuesInOrder(WINDOWS_TABLE, WINDOW_VALUES);

  constructor(file: BufferedFile, comment: string, format: TableFormat = 'tsv') {
    const positions = 'start and end are 0-based, half-open';
    this.#table = newTable(file, WINDOWS_TABLE, `${escapeControls(comment)}; ${positions}`, format);
  }

  window(result: WindowResult): Wait {
    return this.#table.row(this.#values(result));
  }

  async end(): Promise<void> {
    await this.#table.end?.();
  }
}

/** Writes contigs.tsv or contigs.parquet. */
export class ContigsTableWriter implements ResultWriter {
  readonly #table: TableSink;
  readonly #values = valuesInOrder(CONTIGS_TABLE, CONTIG_VALUES);

  constructor(file: BufferedFile, comment: string, format: TableFormat = 'tsv') {
    this.#table = newTable(file, CONTIGS_TABLE, escapeControls(comment), format);
  }

  contig(result: ContigResult): Wait {
    return this.#table.row(this.#values(result));
  }

  async end(): Promise<void> {
    await this.#table.end?.();
  }
}

function newTable(file: BufferedFile, table: OutputFile, comment: string, format: TableFormat): TableSink {
  return format === 'tsv' ? new TextTable(file, table, comment) : new ParquetTable(file, table, comment);
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
