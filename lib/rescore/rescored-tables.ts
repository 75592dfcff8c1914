import { both, type BufferedFile, type Wait } from '../output/buffered-file.js';
import { scoreCell } from '../output/tables.js';
import type { RunCounts } from '../predict/run-counts.js';
import { type CallRule, windowCall } from '../scoring/calls.js';
import { ScoreSums } from '../scoring/contig-tally.js';
import type { ContigVerdict } from '../scoring/results.js';
import { shown, type TableReader } from './table-reader.js';
import type { WindowScores } from './window-scores.js';

/** Columns of contigs.tsv and windows.tsv that new calls require. */
export const CONTIG_COLUMNS = [
  ...['contig', 'length', 'verdict', 'windows', 'windows_scored', 'windows_virus', 'mean_virus_score'],
  ...['max_virus_score', 'mean_log_odds', 'source'],
];
export const WINDOW_COLUMNS = ['contig', 'window', 'strand', 'frame', 'virus_score', 'call', 'frames'];

/** Counts from the tables; those of a stopped run may have fewer records than it read. */
export type RescoredCounts = Pick<
  RunCounts,
  'records' | 'windows' | 'windowsScored' | 'contigsVirus' | 'contigsOther' | 'contigsNone'
>;

/** A record with its new verdict. */
export interface RescoredContig {
  /** Its row of contigs.tsv, from 1. */
  readonly number: number;
  /** Its `contig` cell in the tables. */
  readonly cell: string;
  readonly length: number;
  readonly before: string;
  readonly verdict: ContigVerdict;
}

export interface RescoreTablesOptions {
  readonly windows: TableReader;
  readonly contigs: TableReader;
  /** Where the rows go; comment and header are already written. */
  readonly newWindows: BufferedFile;
  readonly newContigs: BufferedFile;
  readonly scores: WindowScores;
  readonly rule: CallRule;
  /** Whether windows.tsv may end with windows of a record that has no row in contigs.tsv. */
  readonly isStopped: boolean;
  /** Called for every record, in order. */
  readonly onContig: (contig: RescoredContig) => Wait;
}

/**
 * Rewrites both tables with the calls of another rule or of other scores. They are read together: the row of a record
 * says how many rows of windows.tsv belong to it, so that records of the same name stay apart.
 *
 * @throws VirnucproError VNP_OUTPUT with the line of a malformed or inconsistent row
 */
export async function rescoreTables(options: RescoreTablesOptions): Promise<RescoredCounts> {
  const rescore = new TablesRescore(options);
  for (;;) {
    let isMore = options.contigs.advance();
    if (typeof isMore !== 'boolean') isMore = await isMore;
    if (!isMore) break;
    await rescore.contig();
  }
  await rescore.end();
  return rescore.counts;
}

const COUNT = /^\d{1,15}$/;

class TablesRescore {
  readonly counts: RescoredCounts = {
    records: 0,
    windows: 0,
    windowsScored: 0,
    contigsVirus: 0,
    contigsOther: 0,
    contigsNone: 0,
  };
  readonly #options: RescoreTablesOptions;
  /** Positions of the columns. */
  readonly #window: Readonly<Record<'contig' | 'number' | 'call', number>>;
  readonly #contig: Readonly<
    Record<'contig' | 'length' | 'verdict' | 'windows' | 'scored' | 'virus' | 'mean' | 'highest' | 'logOdds', number>
  >;

  constructor(options: RescoreTablesOptions) {
    this.#options = options;
    const { windows, contigs } = options;
    this.#window = {
      contig: windows.position('contig'),
      number: windows.position('window'),
      call: windows.position('call'),
    };
    this.#contig = {
      contig: contigs.position('contig'),
      length: contigs.position('length'),
      verdict: contigs.position('verdict'),
      windows: contigs.position('windows'),
      scored: contigs.position('windows_scored'),
      virus: contigs.position('windows_virus'),
      mean: contigs.position('mean_virus_score'),
      highest: contigs.position('max_virus_score'),
      logOdds: contigs.position('mean_log_odds'),
    };
  }

  /** Rewrites the current row of contigs.tsv, and its windows. */
  async contig(): Promise<void> {
    const { contigs, newContigs, rule, onContig } = this.#options;
    const { cells } = contigs;
    const at = this.#contig;
    const cell = cells[at.contig]!;
    const windows = this.#count(cells[at.windows]!, 'a number of windows');
    const length = this.#count(cells[at.length]!, 'a length');
    const before = cells[at.verdict]!;
    const found = new ScoreSums();
    for (let number = 1; number <= windows; number++) {
      let isMore = this.#options.windows.advance();
      if (typeof isMore !== 'boolean') isMore = await isMore;
      if (!isMore) throw contigs.damaged(`says ${windows} windows, but windows.tsv has ${number - 1}`);
      const wait = this.#rewriteWindow(cell, number, found);
      if (wait !== undefined) await wait;
    }
    if (cells[at.scored] !== String(found.scored)) {
      throw contigs.damaged(`says ${shown(cells[at.scored]!)} scored windows, but windows.tsv has ${found.scored}`);
    }
    const verdict = found.verdict(rule);
    cells[at.verdict] = verdict;
    cells[at.virus] = String(found.virus);
    const { meanVirusScore, maxVirusScore, meanLogOdds } = found.scores();
    cells[at.mean] = scoreCell(meanVirusScore);
    cells[at.highest] = scoreCell(maxVirusScore);
    cells[at.logOdds] = scoreCell(meanLogOdds);
    this.#tally(verdict);
    const wait = newContigs.append(cells.join('\t') + '\n');
    await both(wait, onContig({ number: this.counts.records, cell, length, before, verdict }));
  }

  /** Rewrites the windows of a record that a stopped run did not finish. */
  async end(): Promise<void> {
    const { windows, isStopped } = this.#options;
    let cell: string | undefined;
    for (let number = 1; ; number++) {
      let isMore = windows.advance();
      if (typeof isMore !== 'boolean') isMore = await isMore;
      if (!isMore) return;
      const own = windows.cells[this.#window.contig]!;
      if (!isStopped) throw windows.damaged(`is a window of ${shown(own)} beyond the number in contigs.tsv`);
      cell ??= own;
      const wait = this.#rewriteWindow(cell, number, new ScoreSums());
      if (wait !== undefined) await wait;
    }
  }

  #rewriteWindow(contig: string, number: number, found: ScoreSums): Wait {
    const { windows, scores } = this.#options;
    const { cells } = windows;
    const at = this.#window;
    if (cells[at.contig] !== contig || cells[at.number] !== String(number)) {
      throw windows.damaged(
        `is window ${shown(cells[at.number]!)} of ${shown(cells[at.contig]!)} instead of window ${number} of ` +
          shown(contig),
      );
    }
    this.counts.windows++;
    const score = scores.ofWindow(contig, number);
    return score instanceof Promise
      ? score.then((known) => this.#callWindow(known, found))
      : this.#callWindow(score, found);
  }

  #callWindow(score: number | undefined, found: ScoreSums): Wait {
    const { windows, newWindows, rule } = this.#options;
    const { cells } = windows;
    const call = score === undefined ? undefined : windowCall(score, rule);
    cells[this.#window.call] = call ?? 'none';
    if (score !== undefined && call !== undefined) {
      this.counts.windowsScored++;
      found.add(score, call);
    }
    return newWindows.append(cells.join('\t') + '\n');
  }

  #tally(verdict: ContigVerdict): void {
    this.counts.records++;
    if (verdict === 'virus') this.counts.contigsVirus++;
    else if (verdict === 'other') this.counts.contigsOther++;
    else this.counts.contigsNone++;
  }

  #count(text: string, what: string): number {
    if (COUNT.test(text)) return Number(text);
    throw this.#options.contigs.damaged(`has ${shown(text)} instead of ${what}`);
  }
}
