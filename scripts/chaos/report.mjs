// @ts-check
import { cpus, totalmem } from 'node:os';
import { markdownList, markdownTable } from '../../bench/write-results.mjs';

/** @typedef {import('./trials.mjs').Row} Row */

/** @param {Row} row */
const survived = ({ trials, problems, leftOut }) =>
  leftOut === undefined ? `${trials - problems.length} of ${trials}` : 'left out';

/** @param {readonly Row[]} rows */
export function chaosTable(rows) {
  const titles = ['fault', 'times', 'runs survived', 'frames in the journal', 'of these computed again', 'seconds'];
  const cells = rows.map((row) => {
    const { name, faults, journaled, again, seconds } = row;
    return [name, faults, survived(row), journaled, again, seconds.toFixed(0)];
  });
  return markdownTable(titles, cells);
}

/** What was not survived or not tried, a line each. @param {readonly Row[]} rows */
export function remarks(rows) {
  return rows.flatMap(({ name, problems, leftOut }) => [
    ...(leftOut === undefined ? [] : [`${name}: left out, ${leftOut}`]),
    ...problems.map((problem) => `${name}: NOT SURVIVED, ${problem}`),
  ]);
}

/**
 * @param {readonly Row[]} rows
 * @param {import('./laboratory.mjs').Undisturbed} undisturbed @param {{ seed: number, contigs: number }} options
 */
export function chaosReport(rows, undisturbed, { seed, contigs }) {
  const [processor] = cpus();
  const { counts, versions, batches, journalBytes, seconds } = undisturbed;
  const machine = {
    machine: `${processor?.model.trim()}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    software: `Node ${versions['node']}, libtorch ${versions['libtorch']}`,
    'undisturbed run': `${contigs} records, ${counts.windows} windows, ${counts.framesScored} frames in ${batches} batches, ${seconds.toFixed(1)} s, a journal of ${(journalBytes / 1024).toFixed(0)} KiB`,
    seed: String(seed),
  };
  const notes = remarks(rows);
  const text = `# Chaos\n\n${markdownList(machine)}\n\n${chaosTable(rows)}\n${notes.map((note) => `\n- ${note}`).join('')}\n`;
  return { report: { machine, rows }, text };
}
