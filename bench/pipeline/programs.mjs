// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/setup/child.mjs';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { jsonOf } from '../compare/child-process.mjs';
import { MODEL } from '../random-model.mjs';

/**
 * @typedef {object} Round one process of a program
 * @property {number} wall seconds from its start to its end
 * @property {number} work seconds of these from the first look at the input to the last result, with the models loaded
 * @property {Record<string, number>} stages seconds of its parts; virnucpro's overlap
 * @property {{ windows: number, frames: number, tokens: number }} counts
 *
 * @typedef {object} Program
 * @property {string} name
 * @property {'FP32' | 'BF16'} precision
 * @property {(output: string) => Promise<Round>} run writes into a folder that does not exist yet
 *
 * @typedef {{ fasta: string, models: string, window: number, python: string, threads: number, reference: string | undefined }} Place
 */

/** The published tool's way first, which the others are compared with. @param {Place} place @returns {Program[]} */
export function programs(place) {
  return [
    { name: 'the classic way in Python', precision: 'FP32', run: (output) => classic(place, output) },
    { name: 'virnucpro predict', precision: 'FP32', run: (output) => ours(place, 'fp32', output) },
    { name: 'virnucpro predict', precision: 'BF16', run: (output) => ours(place, 'bf16', output) },
  ];
}

/** @param {Place} place @param {string} output @returns {Promise<Round>} */
async function classic({ fasta, models, window, python, threads, reference }, output) {
  const words = [inRepository('bench', 'pipeline', 'python', 'classic.py'), '--fasta', fasta];
  words.push('--model', join(models, MODEL), '--window', String(window), '--threads', String(threads), '--out', output);
  if (reference !== undefined) words.push('--reference', reference);
  const start = performance.now();
  const { seconds: stages, windows, frames, dnaTokens, proteinTokens } = await jsonOf(python, words, { threads });
  const wall = (performance.now() - start) / 1000;
  const { frames: framing, dna, protein, classifier, results } = stages;
  const work = framing + dna + protein + classifier + results;
  return { wall, work, stages, counts: { windows, frames, tokens: dnaTokens + proteinTokens } };
}

/** @param {Place} place @param {string} precision @param {string} output @returns {Promise<Round>} */
async function ours({ fasta, models, threads }, precision, output) {
  const words = [inRepository('bin', 'virnucpro.js'), 'predict', fasta, '--output', output, '--models', models];
  words.push('--model', MODEL, '--precision', precision, '--device', 'cpu', '--threads', String(threads));
  // The classic way writes these files too.
  words.push('--keep-intermediate', '--log-level', 'error');
  const start = performance.now();
  const { succeeded, output: log } = await run(process.execPath, words);
  const wall = (performance.now() - start) / 1000;
  if (!succeeded) throw new Error(`virnucpro predict failed:\n${log.trim()}`);
  const { seconds: stages, counts, devices } = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8'));
  const tokens = devices.reduce(
    (/** @type {number} */ sum, /** @type {{ tokens: number }} */ one) => sum + one.tokens,
    0,
  );
  const work = stages.total - stages.load;
  return { wall, work, stages, counts: { windows: counts.windows, frames: counts.framesScored, tokens } };
}
