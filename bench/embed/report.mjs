// @ts-check
import { markdownList, markdownTable } from '../write-results.mjs';

/**
 * @typedef {import('./embed.mjs').Time} Time
 * @typedef {{ name: string, how: string, precision: string, start: Time, slices: Time[], cosine: number, relativeError: number }} Row
 * @typedef {{
 *   date: string,
 *   subject: string,
 *   lengths: { sequences: number, residues: number, shortest: number, median: number, longest: number },
 *   threads: number,
 *   slices: number,
 *   residuesOfSlices: number[],
 *   machine: Record<string, string>,
 *   entries: Row[],
 * }} Report
 */

/** @param {readonly number[]} list */
const sum = (list) => list.reduce((total, value) => total + value, 0);

/** @param {Row} row */
const titleOf = ({ name, how }) => `${name}, ${how}`;

/**
 * How many times as fast `ours` is as `other`, on the slices that both embedded.
 * @param {Row} ours @param {Row} other
 */
function ratiosOf(ours, other) {
  const pairs = other.slices.map((theirs, slice) => ({
    theirs,
    ours: ours.slices[slice] ?? { seconds: NaN, cpuSeconds: NaN, othersCores: NaN },
  }));
  /** @param {(time: Time, row: Row) => number} figure @param {readonly (typeof pairs)[number][]} some */
  const ratio = (figure, some) =>
    sum(some.map((pair) => figure(pair.theirs, other))) / sum(some.map((pair) => figure(pair.ours, ours)));
  const each = pairs.map((pair) => ratio(({ seconds }) => seconds, [pair]));
  return {
    all: ratio(({ seconds }) => seconds, pairs),
    lowest: Math.min(...each),
    highest: Math.max(...each),
    started: ratio(({ seconds }, { start }) => seconds - start.seconds, pairs),
    cpu: ratio(({ cpuSeconds }) => cpuSeconds, pairs),
  };
}

/** @param {Report} report */
export function markdownOf(report) {
  const { lengths, residuesOfSlices, entries } = report;
  const titles = ['', 'precision', 'residues/s', 'proteins/s', 'start', 'slices', 'others', 'relative error', 'cosine'];
  const rows = entries.map((row) => {
    const residues = sum(residuesOfSlices.slice(0, row.slices.length));
    const seconds = sum(row.slices.map((slice) => slice.seconds));
    return [
      ...[titleOf(row), row.precision, (residues / seconds).toFixed(0)],
      ((residues / seconds) * (lengths.sequences / lengths.residues)).toFixed(2),
      ...[`${row.start.seconds.toFixed(1)} s`, row.slices.length],
      `${(sum(row.slices.map(({ othersCores }) => othersCores)) / row.slices.length).toFixed(2)} cores`,
      ...[row.relativeError.toExponential(1), row.cosine.toFixed(5)],
    ];
  });
  const ratios = entries
    .filter(({ name }) => name === 'virnucpro')
    .flatMap((ours) =>
      entries
        .filter(({ name, precision }) => name !== ours.name && precision === ours.precision)
        .map((other) => {
          const { all, lowest, highest, started, cpu } = ratiosOf(ours, other);
          const spread = `${lowest.toFixed(2)} to ${highest.toFixed(2)}`;
          return [titleOf(other), ours.precision, all.toFixed(2), spread, started.toFixed(2), cpu.toFixed(2)];
        }),
    );
  return `# Embedding ${lengths.sequences} proteins, ${report.date}

${lengths.sequences} proteins of ${lengths.shortest} to ${lengths.longest} residues (median ${lengths.median}, ${lengths.residues} in all), ${report.subject} with random weights, the same for all, ${report.threads} threads. Mean embeddings after the last layer, from a FASTA file to files on disk; every program is a process of its own for every slice, and its start (a run with the shortest protein alone) is included. A slice has every ${report.slices}th protein of the file; the programs embed it in turn. Others: cores that the rest of the machine used meanwhile. Relative error and cosine: the worst of all proteins, against the first row.

${markdownList(report.machine)}

${markdownTable(titles, rows)}

How many times as fast as each of the others virnucpro is, in the same precision:

${markdownTable(['than', 'precision', 'all slices', 'lowest to highest of a slice', 'without the starts', 'by CPU time'], ratios)}
`;
}
