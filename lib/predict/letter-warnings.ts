import { counted } from '../errors.js';
import type { RunCounts } from './run-counts.js';

/** What the user should know of the letters of a run's records, a sentence each. */
export function letterWarnings({ uracil, recordsWithUracil, gaps, recordsWithGaps }: RunCounts): string[] {
  const warnings: string[] = [];
  if (uracil > 0) warnings.push(`U was read as T: ${uracil} of them, in ${counted(recordsWithUracil, 'record')}`);
  if (gaps > 0) {
    const what = `gap characters (- and .) were left out: ${gaps} of them, in ${counted(recordsWithGaps, 'record')}`;
    warnings.push(`${what}. Positions count the letters without them`);
  }
  return warnings;
}
