// @ts-check
/**
 * Whether memory stays constant: `npm run soak -- [--batches 2000] [--openings 200] [--models FOLDER --model NAME]
 * [--out FOLDER]`. Computes batches of varying lengths on one worker, some of them malformed, then repeatedly opens a
 * worker, computes once and closes it, on the CPU with a small random model unless another is named. Resident memory is
 * read at 40 moments of each phase, after a garbage collection. The first ten moments warm up; the median of the last
 * ten is compared with that of the ten after the warm-up. Exits with 1 if it grew by more than the bound.
 *
 * The bound, 8 MiB, is how much the allocators' own gaps vary. Half of all batches or openings lie between the two
 * medians: a leak of 8 KiB in each of 1,000 batches would reach it, less than one batch's tokens and embeddings; and
 * one of 84 KB in each of 100 openings, less than any weight matrix. The counts scale what is detected, not the bound.
 */
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openModel } from '../dist/lib/models/folder/model-folder.js';
import { seededNumbers } from '../dist/lib/models/random/random-contents.js';
import { loadAddon } from '../dist/lib/engine/libtorch/load.js';
import { MODEL, randomModel } from './random-model.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

/** @typedef {import('../dist/lib/engine/addon.js').NativeWorker} NativeWorker */

const MAX_GROWTH = 8 * 2 ** 20;
const MOMENTS = 40;
const WARM_UP = 10;

const { values } = parseArgs({
  options: {
    batches: { type: 'string', default: '2000' },
    openings: { type: 'string', default: '200' },
    models: { type: 'string' },
    model: { type: 'string', default: MODEL },
    out: { type: 'string' },
  },
});
setFlagsFromString('--expose-gc');
/** @type {() => void} */
const collectGarbage = runInNewContext('gc');

const { addon } = loadAddon();
const models = values.models ?? (await randomModel({ esm: 'esm2_tiny', dna: 'dnabert_tiny', seed: 1 }));
const model = await openModel(join(models, values.model));
const { dna, protein, classifier } = model;
const next = seededNumbers(1);

function openWorker() {
  const settings = { device: 'cpu', precision: 'fp32', threads: 1, engine: 'packed' };
  return addon.openWorker(/** @type {any} */ ({ ...settings, dna, protein, classifier, onMessage: () => undefined }));
}

/** @param {number} sequences @param {number} longest @param {number} vocabulary */
function tokens(sequences, longest, vocabulary) {
  const offsets = new Int32Array(sequences + 1);
  for (let index = 0; index < sequences; index++) offsets[index + 1] = (offsets[index] ?? 0) + 3 + (next() % longest);
  return { tokens: new Int32Array(offsets[sequences] ?? 0).map(() => next() % vocabulary), offsets };
}

/**
 * Computes one to eight frames, with embeddings every other time and a wrong token every tenth.
 * @param {NativeWorker} worker
 */
async function computeBatch(worker, index = 0) {
  const frames = 1 + (next() % 8);
  const batch = {
    dna: tokens(frames, 120, dna.architecture.vocabulary),
    protein: tokens(frames, 160, protein.architecture.vocabulary),
  };
  if (index % 10 === 9) batch.protein.tokens[0] = -1;
  await worker.run(batch, { embeddings: index % 2 === 0 }).catch((/** @type {{ code?: string }} */ error) => {
    if (error.code !== 'VNP_ARGUMENT') throw error;
  });
}

async function resident() {
  // Finalizers run in the event loop turns after the collection.
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage();
    await new Promise((resolve) => {
      globalThis.setImmediate(resolve);
    });
  }
  const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]);
  return pages * 4096;
}

/** @param {string} what @param {number} count @param {(index: number) => Promise<void>} step */
async function soak(what, count, step) {
  const sizes = [];
  for (let moment = 1, index = 0; moment <= MOMENTS; moment++) {
    for (; index < (count * moment) / MOMENTS; index++) await step(index);
    sizes.push(await resident());
  }
  const [before, after] = [median(sizes.slice(WARM_UP, 2 * WARM_UP)), median(sizes.slice(-WARM_UP))];
  return { what, count, before, after, growth: after - before, sizes };
}

/** @param {readonly number[]} numbers */
function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;
}

const worker = await openWorker();
const batches = await soak('batches', Number(values.batches), (index) => computeBatch(worker, index));
await worker.close();
const openings = await soak('open, one batch, close', Number(values.openings), async () => {
  const opened = await openWorker();
  await computeBatch(opened);
  await opened.close();
});

const results = [batches, openings];
const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);
const machine = {
  machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  software: `Node ${process.versions.node}, libtorch ${addon.versions.libtorch}`,
  model: `${values.model}, fp32, one thread`,
  bound: `${megabytes(MAX_GROWTH)} MB of growth`,
};
const rows = results.map(({ what, count, before, after, growth }) => {
  const verdict = growth <= MAX_GROWTH ? 'flat' : 'GROWS';
  return [what, count, `${megabytes(before)} MB`, `${megabytes(after)} MB`, `${megabytes(growth)} MB`, verdict];
});
const titles = ['what', 'times', 'after the warm-up', 'at the end', 'growth', 'resident memory'];
const markdown = `# Memory over many batches and openings\n\n${markdownList(machine)}\n\n${markdownTable(titles, rows)}\n`;
console.log(markdown);
if (results.some(({ growth }) => growth > MAX_GROWTH)) process.exitCode = 1;
if (values.out !== undefined) {
  const name = `${today()}-soak`;
  await writeResults(values.out, name, { machine, results }, markdown);
}
