// @ts-check
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** FP32 scores may differ by this much, from the order of summation. */
const MAX_DIFFERENCE = 1e-3;

/**
 * @typedef {object} Agreement
 * @property {boolean} sameFrames whether the files of windows, nucleotides and proteins are identical and all frames
 *   have scores
 * @property {number} scoreDifference the largest over all frames
 * @property {number} differingLabels windows that only one of them calls virus
 */

/** @param {string} classic @param {string} ours folders of results @returns {Agreement} */
export function agreementOf(classic, ours) {
  const expected = scoresOf(classic);
  const received = scoresOf(ours);
  const names = [...expected.keys()];
  const labels = labelsOf(ours);
  const differing = [...labelsOf(classic)].filter(([name, label]) => labels.get(name) !== label);
  return {
    sameFrames: names.join() === [...received.keys()].join() && sameIntermediates(classic, ours),
    scoreDifference: largest(names.map((name) => Math.abs((expected.get(name) ?? NaN) - (received.get(name) ?? NaN)))),
    differingLabels: differing.length,
  };
}

/** @param {Agreement} agreement @param {string} precision @returns {string | undefined} the disagreement, in words */
export function disagreement({ sameFrames, scoreDifference, differingLabels }, precision) {
  if (!sameFrames) return 'other windows or frames';
  if (precision !== 'FP32') return undefined;
  if (!(scoreDifference <= MAX_DIFFERENCE)) return `scores differ by ${scoreDifference}`;
  return differingLabels > 0 ? `${differingLabels} labels differ` : undefined;
}

/** NaN if any value is; there may be too many for the arguments of Math.max. @param {number[]} values */
export function largest(values) {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}

/** @param {string} classic @param {string} ours */
function sameIntermediates(classic, ours) {
  const files = readdirSync(classic).filter((name) => /_(chunked\d+\.fa|identified_\w+\.faa?)$/.test(name));
  const same = (/** @type {string} */ name) => readFileSync(join(classic, name)).equals(readFileSync(join(ours, name)));
  return files.length === 3 && files.every(same);
}

/** Virus scores by the frame's id. @param {string} folder */
function scoresOf(folder) {
  return new Map(rowsOf(folder, 'prediction_results.txt').map(([name = '', , , virus]) => [name, Number(virus)]));
}

/** `True` or `False` by the window's id. @param {string} folder */
export function labelsOf(folder) {
  return new Map(rowsOf(folder, 'prediction_results_highestscore.csv').map(([name = '', label = '']) => [name, label]));
}

/** @param {string} folder @param {string} file */
function rowsOf(folder, file) {
  const lines = readFileSync(join(folder, file), 'utf8').trimEnd().split('\n');
  return lines.slice(1).map((line) => line.split('\t'));
}
