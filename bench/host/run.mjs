// @ts-check
/**
 * One measured run of the command line, in a process of its own; prints one JSON object. host.mjs starts it:
 * `run.mjs DIST model MODELS` makes the model, `run.mjs DIST predict MODELS INPUT OUTPUT DEVICES RATE [stages]` measures.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { FakeDevices } from './fake-devices.mjs';
import { secondsByStage } from './stages.mjs';

/**
 * @typedef {object} HostRun
 * @property {number} seconds
 * @property {number} cpuSeconds of all threads of the process
 * @property {number} windows
 * @property {number} frames
 * @property {number} loopDelay longest delay of the event loop, in seconds
 * @property {number} peakBytes resident, with libtorch's libraries
 * @property {number} busyFraction of the time from the devices' first batch to their last, if they have a rate
 * @property {Record<string, number>} [stages] seconds of the main thread
 */

const MODEL = 'host';
const [dist = '', task, models = '', input = '', output = '', devices, rate, stages] = process.argv.slice(2);

/** @param {string} path @returns {Promise<any>} */
const project = (path) => import(resolve(dist, 'lib', path));

/** The weights are never used, so the smallest will do; the tokenizer has DNABERT-S's size. */
async function makeModel() {
  const { DNABERT_SIZES } = await project('models/random/published-sizes.js');
  const { randomModel } = await project('models/random/random-model.js');
  const { ModelRegistry } = await project('models/registry.js');
  const { addon } = (await project('engine/libtorch/load.js')).loadAddon();
  const { architecture, dtype } = DNABERT_SIZES.get('dnabert_tiny');
  DNABERT_SIZES.set(MODEL, { architecture: { ...architecture, vocabulary: 4096 }, dtype });
  await randomModel({ name: MODEL, protein: 'esm2_tiny', dna: MODEL, registry: new ModelRegistry(models), addon });
}

/** @returns {Promise<HostRun>} */
async function measure() {
  // As bin/virnucpro.js does.
  setFlagsFromString('--semi-space-growth-factor=1');
  const { main } = await project('cli/main.js');
  const fakes = new FakeDevices(Number(rate));
  fakes.replaceThoseOf((await project('engine/libtorch/load.js')).loadAddon().addon, Number(devices));
  rmSync(output, { recursive: true, force: true });
  const place = ['--models', models, '--model', MODEL, '--output', output];
  const words = ['predict', input, ...place, '--log-level', 'error', '--progress-interval', '0.5'];
  const run = async () => {
    if ((await main(words)) !== 0) throw new Error('Expected a run without failures');
  };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const start = performance.now();
  const cpu = process.cpuUsage();
  delay.enable();
  const seconds = stages === undefined ? (await run(), undefined) : await secondsByStage(run);
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  const { counts } = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8'));
  return {
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: (user + system) / 1e6,
    windows: counts.windows,
    frames: counts.framesScored,
    loopDelay: delay.max / 1e9,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    busyFraction: fakes.busySeconds / (Number(devices) * (fakes.last - fakes.first)),
    ...(seconds && { stages: seconds }),
  };
}

console.log(JSON.stringify((await (task === 'model' ? makeModel() : measure())) ?? {}));
