// @ts-check
import { join } from 'node:path';
import { writeInput } from '../../bench/host/inputs.mjs';
import { describeEnd } from './command.mjs';
import { named, predict } from './predict.mjs';
import { checked, UNJUDGED, within } from './steps.mjs';

/** @typedef {import('./command.mjs').LoggedEvent} LoggedEvent */

const MAX_IDLE = 0.03;
/** From the start of computing: long enough for several progress lines. */
const RUN_SECONDS = 40;
const QUICK_SECONDS = 1;
/** Small, so that many finish while it is watched: only finished batches count as busy time. */
const QUICK_BATCHES = ['--esm-batch-size', '1024', '--dnabert-batch-size', '1024'];
/** A progress line after the first batch. */
const COMPUTES = /"event":"progress".*"busySeconds":(?!0[,}])/;
/** The first batches wait for things to start that later ones find running. */
const WARM_UP_SECONDS = 3;

/**
 * How long the GPU idles during a prediction: busy against elapsed time between two progress lines. A signal ends the
 * prediction after it was watched for long enough. @type {import('./steps.mjs').Step}
 */
export const idleStep = {
  name: 'idle share',
  seconds: 100,
  async run(context, seconds) {
    const end = performance.now() / 1000 + seconds;
    const { device, quick, folder, models } = context;
    const model = await within(models.middle, 'the model', seconds);
    const input = join(folder, 'many.fa');
    writeInput(input, 'coding', quick ? 0.5 : 60);
    const words = ['--device', device, '--precision', 'bf16', '--progress-interval', quick ? '0.1' : '1'];
    if (quick) words.push(...QUICK_BATCHES);
    const left = Math.max(2, end - performance.now() / 1000);
    const interrupt = { once: COMPUTES, after: Math.min(quick ? QUICK_SECONDS : RUN_SECONDS, 0.5 * left) };
    const run = await predict(context, { name: 'many', model, input, words, seconds: left, interrupt });
    if (run.code !== 0 && run.code !== 130) throw new Error(`predict failed: ${describeEnd(run)}`);
    const steady = steadyPart(named(run, 'progress'), quick ? 0 : WARM_UP_SECONDS);
    const [first, last] = [steady[0], steady.at(-1)];
    if (!first || !last || first === last)
      throw new Error(`there is no steady part in ${run.events.length} logged events`);
    const elapsed = last['seconds'] - first['seconds'];
    const shares = busySeconds(last).map(({ id, busy }) => {
      const before = busySeconds(first).find((other) => other.id === id)?.busy ?? 0;
      return { id, idle: 1 - (busy - before) / elapsed };
    });
    const skipped = ['copies that block the compute stream: only a profiler shows them'];
    if (quick && device !== 'cpu') skipped.push(UNJUDGED);
    const figures = {
      elapsed,
      shares,
      framesPerSecond: last['framesPerSecond'],
      tokensPerSecond: last['tokensPerSecond'],
    };
    const checks = shares.map(({ id, idle }) => {
      const found = `${(100 * idle).toFixed(1)} % of ${elapsed.toFixed(1)} s`;
      if (device === 'cpu' || quick) return checked(`busy time of ${id} is told`, idle < 1, found);
      return checked(`${id} waits for less than ${100 * MAX_IDLE} %`, idle < MAX_IDLE, found);
    });
    return { checks, figures, skipped };
  },
};

/** Starts after every worker has computed for a while. @param {LoggedEvent[]} progress @param {number} warmUp */
function steadyPart(progress, warmUp) {
  const start = progress.find((event) => busySeconds(event).every(({ busy }) => busy > 0))?.['seconds'] ?? Infinity;
  return progress.filter(({ seconds }) => seconds >= start + warmUp);
}

/** @param {LoggedEvent} progress @returns {{ id: string, busy: number }[]} */
function busySeconds({ devices }) {
  return devices.map((/** @type {{ device: string, busySeconds: number }} */ { device, busySeconds: busy }) => ({
    id: device,
    busy,
  }));
}
