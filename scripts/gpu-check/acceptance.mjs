// @ts-check
import { describeEnd } from './command.mjs';
import { batchRows, deviceRows, exitCodeRows, kindRows } from './acceptance-rows.mjs';
import { logRows } from './acceptance-log.mjs';
import { predictWell } from './predict.mjs';
import { within } from './steps.mjs';

/**
 * The command's promises to its users, checked on the example contigs with a model of random weights: the rows that
 * need only one GPU, and with several GPUs those for several. @type {import('./steps.mjs').Step}
 */
export const acceptanceStep = {
  name: 'acceptance',
  seconds: 150,
  async run(context, seconds) {
    const end = performance.now() / 1000 + seconds;
    const model = await within(context.models.small, 'the model', seconds);
    const left = () => Math.max(1, end - performance.now() / 1000);
    const words = context.device === 'cpu' ? ['--device', 'cpu'] : [];
    const usual = await predictWell(context, { name: 'usual', model, words, seconds: left() });
    /** @type {import('./acceptance-rows.mjs').Given} */
    const given = { context, model, words, usual, left };
    const checks = [];
    const skipped = [];
    for (const rows of [deviceRows, batchRows, exitCodeRows, kindRows, logRows]) {
      const { checks: found, skipped: reasons = [] } = await rows(given);
      checks.push(...found);
      skipped.push(...reasons);
    }
    return { checks, skipped, figures: { usual: describeEnd(usual) } };
  },
};
