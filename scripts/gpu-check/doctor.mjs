// @ts-check
import { describeEnd, runVirnucpro } from './command.mjs';
import { checked } from './steps.mjs';

/** Whether `virnucpro doctor` is content with this machine. @type {import('./steps.mjs').Step} */
export const doctorStep = {
  name: 'doctor',
  seconds: 90,
  async run(_context, seconds) {
    const ended = await runVirnucpro(['doctor'], { seconds });
    const lines = ended.stdout.trim().split('\n');
    const failures = lines.filter((line) => line.startsWith('failed')).map((line) => line.replace(/ +/g, ' '));
    const found = ended.code === 0 ? (lines.at(-1) ?? '') : [describeEnd(ended), ...failures].join('; ');
    return { checks: [checked('doctor finds nothing wrong', ended.code === 0, found)], figures: { lines } };
  },
};
