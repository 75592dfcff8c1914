// @ts-check
import { join } from 'node:path';
import { runNative } from './command.mjs';
import { checked } from './steps.mjs';

/** @typedef {import('./native-golden.mjs').GoldenErrors} GoldenErrors */

/** Bound in float32, for any value of a mean and any score. */
const FLOAT32 = 1e-4;

/**
 * Relative L2 errors of means, and absolute ones of scores. For BF16: what PyTorch itself reaches with the same weights
 * and tokens, rounded up: transformers' EsmModel 7.0e-3, autocast 8.4e-3; autocast of DNABERT-S's forward 1.8e-2, and
 * 1.6e-2 for the scores (on a CPU; the engine there 5.5e-3, 1.0e-2 and 8.8e-3). FP16 has three bits more, hence an
 * eighth of the error, except for the scores, where PyTorch's largest error is 3.5e-3.
 */
const BOUNDS = {
  bf16: { protein: 0.01, dna: 0.02, scores: 0.02 },
  fp16: { protein: 0.01 / 8, dna: 0.02 / 8, scores: 0.004 },
};

/**
 * Golden values of the reference implementations, on the device, in every precision. @type {import('./steps.mjs').Step}
 */
export const goldenStep = {
  name: 'golden values',
  seconds: 60,
  // Without FP16 instructions, a CPU computes FP16 many times slower than FP32.
  run: (context, seconds) =>
    compare(context, 'packed', context.device === 'cpu' ? ['fp32', 'bf16'] : ['fp32', 'bf16', 'fp16'], seconds),
};

/**
 * The same with the archives' own forward: a second opinion, which compiles for many seconds.
 * @type {import('./steps.mjs').Step}
 */
export const torchscriptStep = {
  name: 'golden values by TorchScript',
  seconds: 60,
  run: (context, seconds) => compare(context, 'torchscript', ['fp32'], seconds),
};

/**
 * @param {import('./steps.mjs').Context} context @param {'packed' | 'torchscript'} engine
 * @param {('fp32' | 'bf16' | 'fp16')[]} precisions @param {number} seconds
 */
async function compare({ device, folder }, engine, precisions, seconds) {
  const runs = precisions.map((precision) => ({ engine, precision }));
  /** @type {GoldenErrors[]} */
  const errors = await runNative('golden', { device, models: join(folder, `golden-${engine}`), runs }, seconds);
  return { checks: errors.map(judge), figures: { errors, bounds: { fp32: FLOAT32, ...BOUNDS } } };
}

/** @param {GoldenErrors} errors */
function judge({ engine, precision, protein, dna, scores }) {
  const kind = precision === 'fp32' ? 'absolute' : 'relative';
  const [bounds, found] =
    precision === 'bf16' || precision === 'fp16'
      ? [BOUNDS[precision], { protein: protein.relative, dna: dna.relative, scores }]
      : [
          { protein: FLOAT32, dna: FLOAT32, scores: FLOAT32 },
          { protein: protein.absolute, dna: dna.absolute, scores },
        ];
  const parts = /** @type {const} */ (['protein', 'dna', 'scores']);
  const words = parts.map((part) => `${part} ${found[part].toExponential(1)} (at most ${bounds[part]})`);
  const met = parts.every((part) => found[part] <= bounds[part]);
  return checked(`${engine} engine in ${precision}, ${kind} errors`, met, words.join(', '));
}
