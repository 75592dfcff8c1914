// @ts-check
import { join } from 'node:path';
import { writeInput } from '../../bench/host/inputs.mjs';
import { describeEnd } from './command.mjs';
import { inspectModel } from '../../dist/lib/models.js';
import { named, predict, predictWell, scoreDifference } from './predict.mjs';
import { checked, within } from './steps.mjs';

/** Tokens of a batch; the input has more. */
const BATCH_TOKENS = 32_768;
/** Windows of 500 bases with at least one frame each, of 168 tokens. */
const MEGABASES = 0.15;
/**
 * Fraction of a batch's memory that is left: too little for the batch, enough for a part. A CPU computes it in pieces
 * anyway.
 */
const FRACTION = { cuda: 0.25, cpu: 0.04 };
const SAME = 1e-3;

/**
 * A memory that is really full: the weights fit, the batches do not. In FP32, where scores do not depend on how frames
 * are batched. @type {import('./steps.mjs').Step}
 */
export const memoryStep = {
  name: 'out of memory',
  seconds: 90,
  async run(context, seconds) {
    const end = performance.now() / 1000 + seconds;
    const left = () => Math.max(1, end - performance.now() / 1000);
    const model = await within(context.models.middle, 'the model', seconds);
    const { parts } = await inspectModel(model, { models: context.models.folder });
    const input = join(context.folder, 'long.fa');
    writeInput(input, 'coding', MEGABASES);
    const words = ['--device', context.device, '--precision', 'fp32'];
    const free = await predictWell(context, {
      name: 'free',
      model,
      input,
      words: [...words, ...batches(4096)],
      seconds: left(),
    });
    const { weightBytes } = named(free, 'device')[0] ?? {};
    const fraction = context.device === 'cpu' ? FRACTION.cpu : FRACTION.cuda;
    const most = Math.ceil(weightBytes + fraction * BATCH_TOKENS * bytesOfToken(parts));
    const large = [...words, ...batches(BATCH_TOKENS), '--max-memory', String(most)];
    const full = await predict(context, { name: 'full', model, input, words: large, seconds: left() });
    const splits = named(full, 'batch-split').filter(({ code }) => code === 'VNP_MEMORY');
    const checks = [
      checked('exit code 0', full.code === 0, describeEnd(full)),
      checked('batches were split for want of memory', splits.length > 0, `${splits.length} times`),
    ];
    if (full.code === 0) {
      const difference = scoreDifference(free, full);
      const found = `${difference.toExponential(1)} (at most ${SAME})`;
      checks.push(checked('the scores are those of a run with room', difference <= SAME, found));
    }
    const peak = named(full, 'memory').at(-1)?.['peak'] ?? null;
    return {
      checks,
      figures: { weightBytes, maxMemory: most, batchTokens: BATCH_TOKENS, splits: splits.length, peak },
    };
  },
};

/** @param {number} tokens */
function batches(tokens) {
  return ['--esm-batch-size', String(tokens), '--dnabert-batch-size', String(tokens)];
}

/**
 * Bytes per token in a layer of ESM-2, in FP32: residual, norm, query, key, value, attention's output and its
 * projection, and both sides of the feed-forward.
 * @param {readonly import('../../dist/lib/models.js').InspectedPart[]} parts
 */
function bytesOfToken(parts) {
  const architecture = parts.find(({ part }) => part === 'protein')?.architecture;
  if (architecture?.family !== 'esm2') throw new Error('Expected a model with ESM-2');
  return 4 * (7 * architecture.width + 2 * architecture.feedForward);
}
