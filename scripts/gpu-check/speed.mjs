// @ts-check
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runNative } from './command.mjs';
import { proteinFasta } from './sequences.mjs';
import { checked, UNJUDGED, within } from './steps.mjs';

/** @typedef {import('../../dist/lib/benchmark.js').BenchmarkReport} BenchmarkReport */
/**
 * `least`: required fraction of the speed that the matrix products alone reach; `aim`: desired, but no bar; `residues`:
 * of every protein.
 * @typedef {{ name: string, part: 'dna' | 'protein', size?: string, model?: 'middle' | 'large', residues?: number,
 *   least?: number, aim?: number, seconds: number }} Bench
 */

/** A frame of a 150-base window has 50 residues: the shortest proteins there are, and the hardest. */
const SHORT = 50;
const BATCH_TOKENS = 16_384;
/** Four batches. */
const SEQUENCES = 1260;

/** @type {readonly Bench[]} */
const benches = [
  { name: 'ESM-2 150M', part: 'protein', size: 'esm2_t30_150M_UR50D', residues: SHORT, seconds: 60 },
  { name: 'ESM-2 650M', part: 'protein', model: 'middle', residues: SHORT, seconds: 60 },
  { name: 'DNABERT-S', part: 'dna', model: 'middle', least: 0.35, seconds: 60 },
  { name: 'ESM-2 3B', part: 'protein', model: 'large', residues: SHORT, least: 0.6, aim: 0.75, seconds: 110 },
];

/** How fast each model is in BF16, compared with its matrix products alone. @type {import('./steps.mjs').Step[]} */
export const speedSteps = benches.map((bench) => ({
  name: `speed ${bench.name}`,
  seconds: bench.seconds,
  run: (context, seconds) => measure(bench, context, seconds),
}));

/** @param {Bench} bench @param {import('./steps.mjs').Context} context @param {number} seconds @returns {Promise<import('./steps.mjs').Outcome>} */
async function measure({ name, part, size, model, residues, least, aim }, context, seconds) {
  const { device, quick, folder, models } = context;
  const end = performance.now() / 1000 + seconds;
  const installed = model && (await within(models[model], 'the model', seconds));
  const subject =
    installed === undefined ? { size: quick ? 'esm2_tiny' : size } : { model: installed, models: models.folder };
  const fasta = join(folder, 'proteins.faa');
  if (residues !== undefined) writeFileSync(fasta, proteinFasta(SEQUENCES, residues));
  const amounts = quick
    ? { limit: 32, batchTokens: 1024, repeats: 1 }
    : { limit: SEQUENCES, batchTokens: BATCH_TOKENS };
  const request = { part, ...subject, device, precision: 'bf16', ...amounts, ...(residues !== undefined && { fasta }) };
  /** @type {BenchmarkReport} */
  const report = await runNative('benchmark', request, end - performance.now() / 1000);
  const fraction = report.matmul_efficiency ?? NaN;
  const found = `${percent(fraction)} of ${((report.limit_gflops ?? NaN) / 1000).toFixed(1)} TFLOP/s, ${report.tokens_per_second.toFixed(0)} tokens/s`;
  const figures = { report, least, aim, reached: aim === undefined ? undefined : fraction >= aim };
  const isJudged = least !== undefined && device !== 'cpu' && !quick;
  if (!isJudged) {
    const skipped = least !== undefined && quick && device !== 'cpu' ? [UNJUDGED] : [];
    return { checks: [checked(`${name} in BF16`, report.tokens_per_second > 0, found)], figures, skipped };
  }
  const words = `${name} in BF16 reaches ${percent(least)} of its matrix products${aim === undefined ? '' : ` (aim ${percent(aim)})`}`;
  return { checks: [checked(words, fraction >= least, found)], figures };
}

/** @param {number} fraction */
const percent = (fraction) => `${(100 * fraction).toFixed(0)} %`;
