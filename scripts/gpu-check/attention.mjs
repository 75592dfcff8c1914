// @ts-check
import { runNative } from './command.mjs';
import { checked, within } from './steps.mjs';

/** @typedef {import('./native-attention.mjs').AttentionUse} AttentionUse */

/**
 * Checks that ESM-2's attention uses libtorch's kernel for packed sequences. DNABERT-S's does not: its positions are
 * biases, which that kernel was not compiled with. @type {import('./steps.mjs').Step}
 */
export const attentionStep = {
  name: 'attention',
  seconds: 60,
  async run({ device, models, quick }, seconds) {
    const end = performance.now() / 1000 + seconds;
    const model = await within(models.middle, 'the model', seconds);
    const request = {
      device,
      models: models.folder,
      model,
      precisions: ['bf16', 'fp16'],
      tokens: quick ? 1024 : 16_384,
    };
    /** @type {AttentionUse[]} */
    const uses = await runNative('attention', request, end - performance.now() / 1000);
    if (device === 'cpu')
      return { checks: [], figures: { uses }, skipped: ['flash attention: skipped: no CUDA device'] };
    const checks = uses.map(({ precision, backend, alike, mixed, warnings }) => {
      const times = `${milliseconds(alike)} with sequences of one length, ${milliseconds(mixed)} with all lengths`;
      const found = [backend ?? 'not told', times, ...warnings].join('; ');
      return checked(`ESM-2 in ${precision} uses the packed attention kernel`, backend === 'flash', found);
    });
    return { checks, figures: { uses } };
  },
};

/** @param {number} seconds */
const milliseconds = (seconds) => `${(seconds * 1000).toFixed(2)} ms`;
