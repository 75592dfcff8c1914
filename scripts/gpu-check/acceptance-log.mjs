// @ts-check
import { join } from 'node:path';
import { writeInput } from '../../bench/host/inputs.mjs';
import { manifestOf, named, predictWell } from './predict.mjs';
import { checked } from './steps.mjs';

/** @typedef {import('./acceptance-rows.mjs').Given} Given */
/** @typedef {import('./steps.mjs').Outcome} Outcome */

/** So short an interval and so long an input that every run logs some lines. */
const INTERVAL = '0.02';
const MEGABASES = 1;

/**
 * Rows 8 to 10: progress, memory and balance, as logged without a terminal.
 * @param {Given} given
 * @returns {Promise<Outcome>}
 */
export async function logRows(given) {
  const { context, model, words, left } = given;
  const often = ['--progress-interval', INTERVAL, '--memory-warning', '0.001'];
  const input = join(context.folder, 'progress.fa');
  writeInput(input, 'coding', MEGABASES);
  const shown = await predictWell(context, {
    name: 'progress',
    model,
    input,
    words: [...words, ...often],
    seconds: left(),
  });
  const quiet = ['--no-progress', ...often];
  const silent = await predictWell(context, { name: 'quiet', model, words: [...words, ...quiet], seconds: left() });
  const plain = await predictWell(context, {
    name: 'plain',
    model,
    words: [...words, ...often],
    text: true,
    seconds: left(),
  });
  const lines = named(shown, 'progress').length;
  const pressure = named(shown, 'memory-pressure').length;
  const none = named(silent, 'progress').length;
  // eslint-disable-next-line no-control-regex -- that is what must not be there
  const isPlain = !/[\x1b\r]/.test(plain.stderr + plain.stdout);
  const enabled = named(shown, 'device').map(({ precision }) => `${String(precision).toUpperCase()} enabled`);
  const isSaid = enabled.length > 0 && enabled.every((text) => plain.stderr.includes(text));
  return {
    checks: [
      checked('4: the log says the precision in words', isSaid, enabled.join(', ')),
      checked('8: lines of progress off a terminal', lines > 0, `${lines} at ${INTERVAL} s`),
      checked('8: none with --no-progress', none === 0, `${none}`),
      checked('8: no control characters off a terminal', isPlain, `${plain.stderr.split('\n').length} lines`),
      ...memoryChecks(shown),
      checked('9: a warning where so much of the memory is used', pressure > 0, `${pressure} at 0.1 %`),
      ...balanceChecks(shown),
    ],
    skipped: ['8 on a terminal: the tests show the dashboard'],
  };
}

/** @param {import('./predict.mjs').Predicted} predicted */
function memoryChecks(predicted) {
  const logged = named(predicted, 'memory');
  return named(predicted, 'device').map(({ device }) => {
    const last = logged.findLast((event) => event.device === device);
    const amounts = last ? ['allocated', 'reserved', 'peak', 'free', 'total'].map((name) => last[name]) : [];
    const known = amounts.length > 0 && amounts.every((bytes) => Number.isFinite(bytes) && bytes > 0);
    const found = last ? `peak ${mebibytes(last['peak'])}, free ${mebibytes(last['free'])}` : 'nothing is logged';
    return checked(`9: memory of ${device}: allocated, reserved, free and peak`, known, found);
  });
}

/** @param {import('./predict.mjs').Predicted} predicted */
function balanceChecks(predicted) {
  const summaries = named(predicted, 'device-summary');
  const manifest = manifestOf(predicted);
  const frames = summaries.reduce((sum, summary) => sum + summary['frames'], 0);
  const total = manifest.devices.reduce(
    (/** @type {number} */ sum, /** @type {{ frames: number }} */ device) => sum + device.frames,
    0,
  );
  const complete = summaries.every(({ tokens, busySeconds }) => tokens > 0 && busySeconds > 0);
  const words = summaries.map(
    ({ device, frames: own, tokens, busySeconds }) =>
      `${device} ${own} frames, ${tokens} tokens, ${busySeconds.toFixed(2)} s`,
  );
  return [
    checked(
      '10: frames, tokens and busy time of each device at the end, as in run.json',
      summaries.length > 0 && frames === total && frames > 0 && (complete || summaries.length > 1),
      words.join('; '),
    ),
  ];
}

/** @param {number} bytes */
const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
