// @ts-check
import { join } from 'node:path';
import { run } from '../../scripts/setup/child.mjs';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { writeResults } from '../write-results.mjs';

/** @typedef {import('./rounds.mjs').Entry} Entry */

/**
 * @typedef {{
 *   name: string, title: string, precision: string, batch: string, triedBatches: Record<string, number>, failure: string | null,
 *   tokensPerSecond: number[], sequencesPerSecond: number | null, matmulEfficiency: number | null,
 *   relativeSpeed: number | null, cosine: number | null, relativeError: number | null, peakMemoryBytes: number | null,
 * }} Row
 *
 * @typedef {{ date: string, subject: string, input: string, machine: Record<string, string>, rows: Row[] }} Report
 */

/** @param {Entry[]} entries @returns {Row[]} */
export function rowsOf(entries) {
  const [baseline] = entries;
  const baselineSpeed = baseline && speedOf(baseline);
  return entries.map((entry) => {
    const { competitor, rounds, failure, agreement } = entry;
    const speed = speedOf(entry);
    const limit = limitOf(entries, competitor.precision);
    return {
      name: competitor.name,
      title: competitor.title,
      precision: competitor.precision.toUpperCase(),
      batch: competitor.program === 'ours' ? 'packed' : batchName(entry),
      triedBatches: entry.tried ?? {},
      failure: failure ?? null,
      tokensPerSecond: rounds.map((round) => round.tokens_per_second),
      sequencesPerSecond: median(rounds.map((round) => round.sequences_per_second)),
      matmulEfficiency: speed !== null && limit !== null ? speed / limit : null,
      relativeSpeed: speed !== null && baselineSpeed ? speed / baselineSpeed : null,
      cosine: agreement?.cosine ?? null,
      relativeError: agreement?.relativeError ?? null,
      peakMemoryBytes: rounds.length > 0 ? Math.max(...rounds.map((round) => round.peak_memory_bytes)) : null,
    };
  });
}

/** @param {Entry} entry */
function batchName({ competitor, batch }) {
  return competitor.oneByOne || batch === 0 ? 'one by one' : `${batch ?? '?'} tokens`;
}

/** @param {Entry} entry */
function speedOf({ rounds }) {
  return median(rounds.map((round) => round.tokens_per_second));
}

/**
 * The speed that the linear layers alone allow in this precision, as virnucpro measures it in each of its rounds.
 * @param {Entry[]} entries
 * @param {string} precision
 */
function limitOf(entries, precision) {
  const own = entries.filter(({ competitor }) => competitor.program === 'ours' && competitor.precision === precision);
  return median(own.flatMap(({ rounds }) => rounds.map((round) => round.limit_tokens_per_second ?? NaN)));
}

/** @param {number[]} values @returns {number | null} null without values */
export function median(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const [upper] = sorted.slice(middle);
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** @param {Report} report */
export function markdownOf({ date, subject, input, machine, rows }) {
  const [baseline] = rows;
  const head = ['', 'precision', 'tokens/s', 'lowest to highest', `× ${baseline?.title ?? 'the first'}`];
  head.push('sequences/s', 'fraction of the linear limit', 'relative error', 'cosine', 'batch', 'peak memory');
  return [
    `# ${subject}, ${date}`,
    '',
    `${input}. The same weights and tokens for all; a row is the median of ${rounds(rows)}, in turn. The limit is that of ` +
      'the linear layers alone in the same precision. The error is the largest L2 norm of the difference between mean ' +
      "embeddings, over that of the first row's; the cosine the smallest. Memory is resident, while it is measured.",
    '',
    ...Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`),
    '',
    `| ${head.join(' | ')} |`,
    `|${' --- |'.repeat(head.length)}`,
    ...rows.map((row) => `| ${cells(row).join(' | ')} |`),
    '',
  ].join('\n');
}

/** @param {Row[]} rows */
function rounds(rows) {
  const count = Math.max(...rows.map((row) => row.tokensPerSecond.length));
  return count === 1 ? 'one process' : `${count} processes`;
}

/** @param {Row} row */
function cells(row) {
  const agreement = [
    short(row.relativeError, (value) => value.toExponential(1)),
    short(row.cosine, (value) => value.toFixed(5)),
  ];
  const name = [row.title, row.precision];
  if (row.failure !== null) return [...name, `not run: ${row.failure}`, '', '', '', '', ...agreement, '', ''];
  const speeds = row.tokensPerSecond;
  return [
    ...name,
    short(median(speeds), (value) => value.toFixed(0)),
    `${Math.min(...speeds).toFixed(0)} to ${Math.max(...speeds).toFixed(0)}`,
    short(row.relativeSpeed, (value) => value.toFixed(2)),
    short(row.sequencesPerSecond, (value) => value.toFixed(2)),
    short(row.matmulEfficiency, (value) => value.toFixed(2)),
    ...agreement,
    row.batch,
    short(row.peakMemoryBytes, (value) => `${(value / 1e6).toFixed(0)} MB`),
  ];
}

/** @param {number | null} value @param {(value: number) => string} format */
function short(value, format) {
  return value === null ? '' : format(value);
}

/**
 * Writes the report as a table, as JSON and as a chart.
 * @param {Report} report @param {string} folder @param {string} name without an extension
 * @param {string} python @returns {Promise<void>}
 */
export async function writeReport(report, folder, name, python) {
  await writeResults(folder, name, report, `${markdownOf(report)}\n![Tokens a second](${name}.svg)\n`);
  const path = join(folder, name);
  const words = [inRepository('bench', 'compare', 'python', 'chart.py'), `${path}.json`, `${path}.svg`];
  const { succeeded, output } = await run(python, words);
  if (!succeeded) throw new Error(`${python} ${words.join(' ')} failed:\n${output.trim()}`);
}
