// @ts-check
import { join } from 'node:path';
import { describeEnd } from './command.mjs';
import { bytesOf, named, predict, predictWell, scoreDifference, wroteNothing } from './predict.mjs';
import { checked } from './steps.mjs';

/** @typedef {import('./steps.mjs').Outcome} Outcome */
/**
 * @typedef {object} Given
 * @property {import('./steps.mjs').Context} context
 * @property {string} model
 * @property {readonly string[]} words none on a GPU: what a user types who knows nothing of devices
 * @property {import('./predict.mjs').Predicted} usual the example contigs, predicted with these words
 * @property {() => number} left seconds
 */

const noGpu = 'skipped: no CUDA device';
/** Tables and the classic files; not run.json, which has times. */
const resultFiles = ['contigs.tsv', 'windows.tsv', 'virus.fna', 'prediction_results.txt'];
/** Maximum difference of a score between kinds of devices. */
const ACROSS_KINDS = 1e-3;

/** Rows 1 to 3: which devices are used, and that they are named. @param {Given} given @returns {Promise<Outcome>} */
export async function deviceRows({ context, model, words, usual, left }) {
  const { gpus } = context;
  const names = named(usual, 'device').map(({ device, name }) => `${device} ${name}`);
  const isFirst = (/** @type {string} */ event) => usual.events.findIndex((logged) => logged.event === event);
  const before = isFirst('device') >= 0 && isFirst('device') < isFirst('finished');
  const said = checked('2: the devices are named before the work', before, names.join('; '));
  const wrong = await predict(context, { name: 'wrong-id', model, words: ['--gpus', '99'], seconds: left() });
  const listsThem = gpus.every((id) => wrong.stderr.includes(id));
  const refused = wrong.code === 1 && wroteNothing(wrong) && listsThem;
  const checks = [
    said,
    checked('3: --gpus 99 is refused before any work, with exit code 1', refused, describeEnd(wrong)),
  ];
  if (words.length > 0) return { checks, skipped: [`1, 2 and 3 on GPUs: ${noGpu}`] };

  const used = named(usual, 'device').map(({ device }) => device);
  checks.push(checked('1: every GPU is used without being asked for', `${used}` === `${gpus}`, used.join(', ')));
  const one = await predictWell(context, { name: 'one', model, words: ['--gpus', '0'], seconds: left() });
  const only = named(one, 'device').map(({ device }) => device);
  checks.push(checked('3: --gpus 0 uses this one only', `${only}` === 'cuda:0', only.join(', ')));
  const environment = { CUDA_VISIBLE_DEVICES: '' };
  const without = await predictWell(context, { name: 'hidden', model, environment, seconds: left() });
  const instead = named(without, 'device').map(({ device }) => device);
  const onCpu = instead.length > 0 && instead.every((id) => id.startsWith('cpu'));
  checks.push(checked('2: with every GPU hidden it runs on the CPU and says so', onCpu, instead.join(', ')));
  return { checks };
}

/**
 * Rows 4 and 5: default precision and batches, and batches as asked for.
 * @param {Given} given
 * @returns {Promise<Outcome>}
 */
export async function batchRows({ context, model, words, usual, left }) {
  const checks = named(usual, 'device').map(({ device, capability, precision, batchTokens }) => {
    const least = precision === 'fp32' ? 2048 : 3072;
    const fits =
      batchTokens.protein >= least &&
      (precision === 'bf16') === (device === 'cpu' ? precision === 'bf16' : Number.parseFloat(capability) >= 8);
    const found = `${precision}, capability ${capability || 'none'}, ${batchTokens.protein} ESM-2 tokens a batch`;
    return checked(`4: ${device} computes in BF16 where it can, at least ${least} tokens a batch`, fits, found);
  });
  const sizes = ['--esm-batch-size', '64', '--dnabert-batch-size', '4096'];
  const small = await predictWell(context, {
    name: 'small-batches',
    model,
    words: [...words, ...sizes],
    seconds: left(),
  });
  const tokens = named(small, 'device').map(({ batchTokens }) => batchTokens.protein);
  const isAsked = tokens.length > 0 && tokens.every((count) => count === 64);
  const scored = bytesOf(small, 'windows.tsv').toString().split('\tscored\t').length - 1;
  const wanted = bytesOf(usual, 'windows.tsv').toString().split('\tscored\t').length - 1;
  const found = `${tokens.join(', ')} tokens; ${scored} of ${wanted} windows scored`;
  checks.push(
    checked('5: --esm-batch-size 64: longer sequences run alone', isAsked && scored === wanted && scored > 0, found),
  );
  return { checks };
}

/** Row 6, without the exit codes for which something has to break. @param {Given} given @returns {Promise<Outcome>} */
export async function exitCodeRows({ context, model, words, usual, left }) {
  const input = join(context.folder, 'missing.fa');
  const missing = await predict(context, { name: 'missing', model, input, words, seconds: left() });
  return {
    checks: [
      checked('6: exit code 0 when all went well', usual.code === 0, `${usual.code}`),
      checked('6: exit code 1 for a missing input', missing.code === 1 && wroteNothing(missing), describeEnd(missing)),
    ],
    skipped: ['6: exit code 2 needs a batch that fails for good: the tests provoke it with devices that fail'],
  };
}

/** Row 7: the same scores wherever they are computed. @param {Given} given @returns {Promise<Outcome>} */
export async function kindRows({ context, model, words, usual, left }) {
  const again = await predictWell(context, { name: 'again', model, words, seconds: left() });
  const differing = resultFiles.filter((file) => !bytesOf(usual, file).equals(bytesOf(again, file)));
  const checks = [
    checked('7: the same bytes when it runs again', differing.length === 0, differing.join(', ') || 'the same'),
  ];
  if (context.device === 'cpu') {
    // As many threads per worker as before: on processors without AVX-512 the last digits depend on it.
    const { devices } = JSON.parse(bytesOf(usual, 'run.json').toString());
    const several = await predictWell(context, {
      name: 'workers',
      model,
      words: [...words, '--workers', '2', '--threads', String(2 * devices[0].threads)],
      seconds: left(),
    });
    const others = resultFiles.filter((file) => !bytesOf(usual, file).equals(bytesOf(several, file)));
    checks.push(checked('7: the same bytes with two workers', others.length === 0, others.join(', ') || 'the same'));
    return { checks, skipped: [`7 across kinds: ${noGpu}`] };
  }
  const exact = ['--precision', 'fp32'];
  const onGpu = await predictWell(context, { name: 'fp32-gpu', model, words: exact, seconds: left() });
  const onCpu = await predictWell(context, {
    name: 'fp32-cpu',
    model,
    words: [...exact, '--device', 'cpu'],
    seconds: left(),
  });
  const difference = scoreDifference(onGpu, onCpu);
  const found = `${difference.toExponential(1)} (at most ${ACROSS_KINDS})`;
  checks.push(checked('7: scores of CPU and CUDA in FP32', difference <= ACROSS_KINDS, found));
  if (context.gpus.length < 2) return { checks, skipped: ['7 between GPUs: there is one'] };
  const one = await predictWell(context, { name: 'first-gpu', model, words: ['--gpus', '0'], seconds: left() });
  const others = resultFiles.filter((file) => !bytesOf(usual, file).equals(bytesOf(one, file)));
  checks.push(
    checked('7: the same bytes with one GPU as with all', others.length === 0, others.join(', ') || 'the same'),
  );
  return { checks };
}
