// @ts-check
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { jsonOf } from '../compare/child-process.mjs';
import { convert } from '../compare/prepare.mjs';
import { median } from '../compare/report.mjs';
import { MODEL, randomModel, weightsFolder } from '../random-model.mjs';

/** Few, since a CPU without FP16 instructions computes FP16 many times slower than FP32. */
const FP16_SEQUENCES = 4;

/**
 * @typedef {{ part: 'dna' | 'protein', size: string, kind: import('../random-model.mjs').Kind, fasta: string }} Subject
 * @typedef {{ program: string, precision: string, sequences: number, median: number, largest: number }} Spread relative L2 errors
 * @typedef {Subject & { sequences: number, tokens: number, errors: Spread[], noLarger: boolean }} EmbeddingErrors
 */

/**
 * Errors of mean embeddings: the L2 norm of the difference from the same program's FP32, over the norm of the latter.
 * @param {Subject} subject @param {import('./options.mjs').Options} options @param {string} python
 * @param {string} folder for the tokens @returns {Promise<EmbeddingErrors>}
 */
export async function embeddingErrors({ part, size, kind, fasta }, options, python, folder) {
  const { limit, seed, threads } = options;
  const sizes = part === 'dna' ? { esm: 'esm2_tiny', dna: size } : { esm: size, dna: 'dnabert_tiny' };
  const models = await randomModel({ ...sizes, seed, kind });
  const model = join(models, MODEL);
  const weights = weightsFolder(models);
  if (part === 'protein') await convert('transformers', weights, python);
  const input = join(folder, 'tokens.json');
  const runner = inRepository('bench', 'compare', 'run-ours.mjs');
  await jsonOf(process.execPath, [runner, 'tokens', part, fasta, String(limit), '500', model, input]);
  const counts = keepDistinct(input);

  /** @param {string} precision @returns {Promise<number[][]>} */
  const ours = async (precision, count = limit) => {
    const words = ['means', part, input, String(count), model, precision, String(threads)];
    return (await jsonOf(process.execPath, [runner, ...words])).means;
  };
  const script =
    part === 'dna'
      ? inRepository('bench', 'accuracy', 'python', 'run_dnabert_archive.py')
      : inRepository('bench', 'compare', 'python', 'run_transformers.py');
  /** @param {string} precision @returns {Promise<number[][]>} */
  const theirs = async (precision) => {
    const words = ['--mode', 'check', '--input', input, '--weights', weights, '--precision', precision];
    words.push('--threads', String(threads), '--count', String(limit), '--one-by-one');
    return (await jsonOf(python, [script, ...words], { threads })).means;
  };

  const program = part === 'dna' ? "PyTorch, the archive's forward" : "transformers' EsmModel";
  const exact = { ours: await ours('fp32'), theirs: await theirs('fp32') };
  const bf16 = spreadOf('virnucpro', 'bf16', await ours('bf16'), exact.ours);
  const other = spreadOf(program, 'bf16', await theirs('bf16'), exact.theirs);
  const errors = [
    bf16,
    other,
    spreadOf('virnucpro', 'fp16', await ours('fp16', FP16_SEQUENCES), exact.ours.slice(0, FP16_SEQUENCES)),
  ];
  // Against the other program's FP32: whether both compute the same thing at all.
  errors.push(spreadOf('virnucpro', 'fp32', exact.ours, exact.theirs));
  const noLarger = bf16.median <= other.median && bf16.largest <= other.largest;
  return { part, size, kind, fasta: basename(fasta), ...counts, errors, noLarger };
}

/** @param {string} program @param {string} precision @param {number[][]} means @param {number[][]} exact [sequences][width] */
function spreadOf(program, precision, means, exact) {
  if (means.length === 0 || means.length !== exact.length) throw new Error('Expected an embedding of every sequence');
  const errors = means.map((mean, index) => relativeError(mean, exact[index] ?? []));
  return { program, precision, sequences: means.length, median: median(errors) ?? NaN, largest: Math.max(...errors) };
}

/** @param {number[]} mean @param {number[]} exact */
function relativeError(mean, exact) {
  return Math.hypot(...exact.map((value, index) => value - (mean[index] ?? NaN))) / Math.hypot(...exact);
}

/** Removes duplicate sequences, which would count as more evidence than they are. @param {string} path */
function keepDistinct(path) {
  /** @type {{ tokens: number[][] }} */
  const { tokens } = JSON.parse(readFileSync(path, 'utf8'));
  const distinct = [...new Map(tokens.map((list) => [list.join(), list])).values()];
  writeFileSync(path, JSON.stringify({ tokens: distinct }));
  return { sequences: distinct.length, tokens: distinct.reduce((sum, { length }) => sum + length, 0) };
}
