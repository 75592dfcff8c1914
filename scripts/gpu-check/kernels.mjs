// @ts-check
import { runNative } from './command.mjs';
import { checked, within } from './steps.mjs';

/** @typedef {import('./native-kernels.mjs').KernelUse} KernelUse */

/** Relative L2 error of the means in BF16: with and without the kernels they are this far from FP32, see golden.mjs. */
const BOUND = 0.02;

/**
 * Whether this project's kernels compile for the GPU and are used, what they gain, and that the numbers agree with
 * those of libtorch's operators. @type {import('./steps.mjs').Step}
 */
export const kernelsStep = {
  name: 'kernels',
  seconds: 90,
  needsCuda: true,
  async run({ device, models, quick }, seconds) {
    const end = performance.now() / 1000 + seconds;
    const model = await within(models.middle, 'the model', seconds);
    const request = { device, models: models.folder, model, precision: 'bf16', tokens: quick ? 1024 : 16_384 };
    const left = () => end - performance.now() / 1000;
    /** @type {KernelUse[]} */
    const own = await runNative('kernels', { ...request, kernels: true }, left());
    /** @type {KernelUse[]} */
    const others = await runNative('kernels', { ...request, kernels: false }, left());
    const checks = own.flatMap(({ part, means, seconds: time, messages }, index) => {
      const other = /** @type {KernelUse} */ (others[index]);
      const gain = `${milliseconds(time)} a batch, ${milliseconds(other.seconds)} by libtorch's operators`;
      const name = part === 'dna' ? 'DNABERT-S' : 'ESM-2';
      const difference = relativeDifference(means, other.means);
      return [
        checked(
          `${name} in BF16 is computed with this project's kernels`,
          messages.length === 0,
          [gain, ...messages].join('; '),
        ),
        checked(
          `${name} stays what it is without them`,
          difference <= BOUND,
          `${difference.toExponential(1)} (at most ${BOUND})`,
        ),
      ];
    });
    const uses = own.map(({ part, seconds: time, messages }, index) => ({
      ...{ part, own: time, libtorch: others[index]?.seconds, messages },
    }));
    return { checks, figures: { uses } };
  },
};

/** @param {number} seconds */
const milliseconds = (seconds) => `${(seconds * 1000).toFixed(2)} ms`;

/** @param {readonly number[]} one @param {readonly number[]} other */
function relativeDifference(one, other) {
  /** @param {(index: number) => number} value */
  const length = (value) => Math.sqrt(other.reduce((sum, _, index) => sum + value(index) ** 2, 0));
  return length((index) => (one[index] ?? NaN) - (other[index] ?? NaN)) / length((index) => other[index] ?? NaN);
}
