// @ts-check
import { markdownList, markdownTable } from '../write-results.mjs';

/** @typedef {import('./simulation.mjs').Simulated} Simulated */
/** @typedef {import('./simulation.mjs').Changes} Changes */
/** @typedef {import('./simulation.mjs').Wrong} Wrong */

/**
 * @typedef {object} Report
 * @property {string} date
 * @property {Record<string, string>} runs what was compared, for readers
 * @property {{ contigs: number, windows: number, scored: number, frames: number }} counts
 * @property {Simulated[]} simulated
 * @property {{ small: Wrong, large: Wrong }} [wrong] wrong calls of each model alone, if the truth is known
 */

/** @param {Report} report */
export function markdownOf({ date, runs, counts, simulated, wrong }) {
  const rows = simulated.map(({ rule, windowsSpared, framesSpared, windows, contigs, wrong: wrongHere }) => [
    ...[rule.othersBelow, rule.virusAtLeast > 1 ? 'never' : rule.virusAtLeast],
    ...[fraction(windowsSpared, counts.scored), fraction(framesSpared, counts.frames)],
    ...[changed(windows, counts.scored), changed(contigs, counts.contigs)],
    ...(wrongHere ? [`${wrongHere.windows}`, `${wrongHere.contigs}`] : []),
  ]);
  const titles = ['sure below', 'sure from', 'windows saved', 'frames saved', 'window calls changed'];
  const more = ['contig calls changed', ...(wrong ? ['wrong windows', 'wrong contigs'] : [])];
  return [
    `# Triage, simulated from stored scores, ${date}`,
    markdownList(runs),
    `${counts.contigs} contigs, ${counts.windows} windows, ${counts.scored} of them scored, ${counts.frames} frames. ` +
      'Changed calls are those that differ from the large model alone, in brackets to virus and to other.',
    ...(wrong ? [wrongText(wrong)] : []),
    markdownTable([...titles, ...more], rows),
    '',
  ].join('\n\n');
}

/** @param {{ small: Wrong, large: Wrong }} wrong */
function wrongText({ small, large }) {
  return (
    `Wrong calls without triage: ${large.windows} windows and ${large.contigs} contigs by the large model, ` +
    `${small.windows} and ${small.contigs} by the small one.`
  );
}

/** @param {number} part @param {number} whole */
function fraction(part, whole) {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

/** @param {Changes} changes @param {number} whole */
function changed({ toVirus, toOther, otherwise }, whole) {
  const all = toVirus + toOther + otherwise;
  return `${all} of ${whole}, ${whole === 0 ? '-' : `${((100 * all) / whole).toFixed(2)} %`} (${toVirus}, ${toOther})`;
}
