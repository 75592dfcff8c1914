import { VirnucproError } from '../errors.js';
import type { ContigResult, WindowResult } from '../scoring/results.js';
import { noCounts } from '../predict/run-counts.js';
import type { RunCounts } from '../predict/run-counts.js';
import type { RunDescription } from './manifest.js';

/** The counts that are taken when a record is read. */
const NAMES_OF_RECORDS: ReadonlySet<keyof RunCounts> = new Set([
  ...(['records', 'empty', 'invalid'] as const),
  ...(['uracil', 'recordsWithUracil', 'gaps', 'recordsWithGaps'] as const),
]);

/** Counts what is written independently, so that the run's own counts can be checked. */
export class Tally {
  readonly #counts = noCounts();
  /** Scored windows and their frames by the name of the model that decided them. */
  readonly #decided = new Map<string, { windows: number; frames: number }>();
  /** Sum of the windows in the contig rows. */
  #windowsOfContigs = 0;

  window(result: WindowResult): void {
    const counts = this.#counts;
    counts.windows++;
    counts.framesScored += result.frames.length;
    if (result.status === 'scored') this.#scored(result);
    else if (result.status === 'no_frame') counts.windowsNoFrame++;
    else counts.windowsFailed++;
  }

  #scored({ model, frames }: WindowResult): void {
    this.#counts.windowsScored++;
    const decided = this.#decided.get(model) ?? { windows: 0, frames: 0 };
    decided.windows++;
    decided.frames += frames.length;
    this.#decided.set(model, decided);
  }

  contig(result: ContigResult): void {
    const counts = this.#counts;
    counts.records++;
    this.#windowsOfContigs += result.windows;
    if (result.status === 'empty') counts.empty++;
    if (result.status === 'invalid') counts.invalid++;
    counts.uracil += result.uracil;
    if (result.uracil > 0) counts.recordsWithUracil++;
    counts.gaps += result.gaps;
    if (result.gaps > 0) counts.recordsWithGaps++;
    if (result.verdict === 'virus') counts.contigsVirus++;
    else if (result.verdict === 'other') counts.contigsOther++;
    else counts.contigsNone++;
  }

  /** @throws VNP_OUTPUT if the run's counts differ from what was written */
  check(run: Pick<RunDescription, 'counts' | 'outcome' | 'model'>): void {
    const stopped = run.outcome === 'stopped';
    const written = { ...this.#counts, framesFound: this.#counts.framesScored };
    for (const [model, { windows, frames }] of this.#decided) {
      if (model === run.model.name) continue;
      written.windowsTriaged += windows;
      written.framesSpared += frames;
    }
    for (const name of Object.keys(written) as (keyof RunCounts)[]) {
      // Not every ORF gets a score, and a stopped run has read records that it did not finish.
      const mayBeLess = name === 'framesFound' || (stopped && NAMES_OF_RECORDS.has(name));
      compare(name, run.counts[name], written[name], mayBeLess);
    }
    if (!stopped) compare('windows of all contigs', this.#windowsOfContigs, written.windows, false);
  }
}

function compare(name: string, counted: number, written: number, mayBeLess: boolean): void {
  if (counted === written || (mayBeLess && counted > written)) return;
  throw new VirnucproError(
    'VNP_OUTPUT',
    `The run counted ${name} = ${counted}, but its result files have ${written}. Results were lost or duplicated, so the ` +
      'files were not put in place; please report this bug',
  );
}
