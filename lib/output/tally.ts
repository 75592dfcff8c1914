import { expected } from '../errors.js';
import type { ContigResult, WindowResult } from '../predict/results.js';
import type { RunCounts, RunDescription } from './manifest.js';

type Counter = { -readonly [Name in keyof RunCounts]: number };

/** Counts what is written, on its own, so that the run's own counts can be checked against it. */
export class Tally {
  readonly #counts: Counter = {
    records: 0,
    empty: 0,
    windows: 0,
    framesKept: 0,
    framesScored: 0,
    windowsScored: 0,
    windowsNoFrame: 0,
    windowsFailed: 0,
    contigsVirus: 0,
    contigsOther: 0,
    contigsNone: 0,
  };
  /** Windows that the contig rows speak of. */
  #windowsOfContigs = 0;

  window(result: WindowResult): void {
    const counts = this.#counts;
    counts.windows++;
    counts.framesScored += result.frames.length;
    if (result.status === 'scored') counts.windowsScored++;
    else if (result.status === 'no_frame') counts.windowsNoFrame++;
    else counts.windowsFailed++;
  }

  contig(result: ContigResult): void {
    const counts = this.#counts;
    counts.records++;
    this.#windowsOfContigs += result.windows;
    if (result.status === 'empty') counts.empty++;
    if (result.verdict === 'virus') counts.contigsVirus++;
    else if (result.verdict === 'other') counts.contigsOther++;
    else counts.contigsNone++;
  }

  /** @throws VNP_OUTPUT where the run counted something else than what was written */
  check(run: Pick<RunDescription, 'counts' | 'outcome'>): void {
    for (const name of Object.keys(this.#counts) as (keyof RunCounts)[]) {
      // How many frames were kept is known where they are made; here only those that were scored are seen.
      if (name !== 'framesKept') compare(name, run.counts[name], this.#counts[name]);
    }
    if (!(run.counts.framesKept >= this.#counts.framesScored)) {
      throw miscounted(`framesKept >= ${this.#counts.framesScored}`, String(run.counts.framesKept));
    }
    // A run that stopped may have windows of a record whose end it did not reach.
    if (run.outcome !== 'stopped') compare('windows of all contigs', this.#windowsOfContigs, this.#counts.windows);
  }
}

function compare(name: string, counted: number, written: number): void {
  if (counted !== written) throw miscounted(`${name} = ${counted}`, `${written} in the result files`);
}

function miscounted(what: string, received: string): Error {
  const next = 'Results were lost or doubled, so the files were not put in place; please report this defect';
  return expected('VNP_OUTPUT', what, 'the counts of the run', received, next);
}
