// @ts-check
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/setup/child.mjs';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { median } from '../compare/report.mjs';
import { labelsOf, largest } from '../pipeline/agreement.mjs';
import { MODEL, randomModel } from '../random-model.mjs';
import { writeRandomWindows } from './random-windows.mjs';

export const MIN_AGREEMENT = 0.995;
const THRESHOLD = 0.5;
const NEAR = 0.01;
const BINS = 10;

/**
 * @typedef {object} LabelAgreement
 * @property {string} precision
 * @property {number} agreeing fraction of the windows with the same label as in FP32
 * @property {number} agreeingAway the same among windows whose FP32 score is not near the threshold
 * @property {number} medianDifference of the windows' scores from FP32's
 * @property {number} largestDifference
 *
 * @typedef {object} Labels
 * @property {string} esm
 * @property {string} dna
 * @property {import('../random-model.mjs').Kind} kind
 * @property {number} windows
 * @property {number} virus windows that FP32 calls virus
 * @property {number} near windows whose FP32 score is within 0.01 of the threshold
 * @property {number[]} histogram windows by tenths of the FP32 score
 * @property {LabelAgreement[]} agreements
 */

/**
 * The whole pipeline in FP32 and in lower precisions over the same random windows.
 * @param {{ esm: string, dna: string, kind: import('../random-model.mjs').Kind }} sizes
 * @param {import('./options.mjs').Options} options @param {string} folder for input and results @returns {Promise<Labels>}
 */
export async function labelAgreement(sizes, { windows, precisions, seed, threads }, folder) {
  const models = await randomModel({ ...sizes, seed });
  const fasta = join(folder, 'windows.fa');
  writeRandomWindows(fasta, windows, seed);
  /** @param {string} precision */
  const predict = async (precision) => {
    const output = join(folder, precision);
    rmSync(output, { recursive: true, force: true });
    const words = [inRepository('bin', 'virnucpro.js'), 'predict', fasta, '--output', output, '--models', models];
    words.push('--model', MODEL, '--device', 'cpu', '--threads', String(threads), '--log-level', 'error');
    const { succeeded, output: log } = await run(process.execPath, [...words, '--precision', precision]);
    if (!succeeded) throw new Error(`virnucpro predict failed:\n${log.trim()}`);
    return { scores: scoresOf(output), labels: labelsOf(output) };
  };

  const exact = await predict('fp32');
  const scores = [...exact.scores.values()];
  if (exact.labels.size !== windows) throw new Error(`Expected ${windows} scored windows, not ${exact.labels.size}`);
  const agreements = [];
  for (const precision of precisions) agreements.push(agreementOf(precision, exact, await predict(precision)));
  const histogram = Array.from({ length: BINS }, () => 0);
  for (const score of scores) {
    const bin = Math.min(BINS - 1, Math.floor(score * BINS));
    histogram[bin] = (histogram[bin] ?? 0) + 1;
  }
  const virus = [...exact.labels.values()].filter((label) => label === 'True').length;
  return { ...sizes, windows, virus, near: scores.filter(isNear).length, histogram, agreements };
}

/** @typedef {{ scores: Map<string, number>, labels: Map<string, string> }} Prediction */

/** @param {string} precision @param {Prediction} exact @param {Prediction} other @returns {LabelAgreement} */
function agreementOf(precision, exact, other) {
  const names = [...exact.labels.keys()];
  const away = names.filter((name) => !isNear(exact.scores.get(name) ?? NaN));
  const agreeing = (/** @type {string[]} */ some) =>
    some.filter((name) => exact.labels.get(name) === other.labels.get(name)).length / some.length;
  const differences = names.map((name) => Math.abs((exact.scores.get(name) ?? NaN) - (other.scores.get(name) ?? NaN)));
  return {
    ...{ precision, agreeing: agreeing(names), agreeingAway: agreeing(away) },
    ...{ medianDifference: median(differences) ?? NaN, largestDifference: largest(differences) },
  };
}

/** @param {number} score */
function isNear(score) {
  return Math.abs(score - THRESHOLD) <= NEAR;
}

/** Virus scores by the window's id. @param {string} folder */
function scoresOf(folder) {
  const lines = readFileSync(join(folder, 'windows.tsv'), 'utf8').trimEnd().split('\n');
  const [titles = '', ...rows] = lines.filter((line) => !line.startsWith('#'));
  const columns = titles.split('\t');
  /** @param {string[]} cells @param {string} name */
  const cell = (cells, name) => cells[columns.indexOf(name)] ?? '';
  return new Map(
    rows.map((row) => {
      const cells = row.split('\t');
      return [`${cell(cells, 'contig')}_chunk_${cell(cells, 'window')}`, Number(cell(cells, 'virus_score'))];
    }),
  );
}
