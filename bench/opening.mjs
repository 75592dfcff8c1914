// @ts-check
/**
 * What the known answer adds to opening a worker: `node bench/opening.mjs --other FOLDER [--rounds 5] [--out FOLDER]`.
 * FOLDER has the modules of another build of the addon, such as one without the known answer. Both builds open models
 * of one layer with heads as wide as the published ones and compute a small batch, in processes of their own, in turn.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DNABERT_SIZES, ESM2_SIZES } from '../dist/lib/models/random/published-sizes.js';
import { randomParameters } from '../dist/lib/models/random/random-contents.js';
import { loadAddon } from '../dist/lib/engine/libtorch/load.js';
import { describeMachine } from './compare/machine.mjs';
import { measuredQuietly } from './other-load.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const OPENINGS = 20;
const HEADS = 2;
const SEQUENCES = {
  tokens: Int32Array.from({ length: 60 }, (_, index) => 5 + (index % 20)),
  offsets: Int32Array.of(0, 60),
};
const CONFIGURATIONS = /** @type {const} */ ([
  ['packed', 'fp32'],
  ['packed', 'bf16'],
  ['torchscript', 'fp32'],
]);

const { values } = parseArgs({
  options: {
    other: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
    /** The build that a child process measures. */
    measure: { type: 'string' },
  },
});

/** @param {readonly number[]} list */
const median = (list) => [...list].sort((one, two) => one - two)[Math.floor(list.length / 2)] ?? NaN;

/** @template {import('../dist/lib/engine/addon.js').Architecture} A @param {A} published @returns {A} */
function oneLayer(published) {
  if (published.family === 'classifier') return published;
  const width = (published.width / published.heads) * HEADS;
  return { ...published, layers: 1, heads: HEADS, width, feedForward: width };
}

/** Milliseconds of every opening with a small batch, the process's first opening first. @param {string} folder */
async function measureOpenings(folder) {
  const { addon } = loadAddon();
  /** @template {import('../dist/lib/engine/addon.js').Architecture} A @param {A} architecture */
  const random = async (architecture) => {
    const path = join(folder, `${architecture.family}.pt`);
    const parameters = randomParameters(architecture, 1);
    await addon.writeArchive({ path, architecture, dtype: 'float32', parameters, extraFiles: {} });
    return { path, architecture };
  };
  const dna = await random(oneLayer(/** @type {any} */ (DNABERT_SIZES.get('dnabert_s')).architecture));
  const protein = await random(oneLayer(/** @type {any} */ (ESM2_SIZES.get('esm2_t36_3B_UR50D')).architecture));
  /** @type {Record<string, number[]>} */
  const milliseconds = {};
  for (const [engine, precision] of CONFIGURATIONS) {
    const times = [];
    for (let opening = 0; opening < OPENINGS; opening++) {
      const start = performance.now();
      const worker = await addon.openWorker({ device: 'cpu', precision, engine, threads: 2, dna, protein });
      // Up to the first results: what a library does once for its first numbers, both builds do.
      await worker.embed('dna', SEQUENCES, { layers: [1], pools: ['mean'] });
      await worker.embed('protein', SEQUENCES, { layers: [1], pools: ['mean'] });
      times.push(performance.now() - start);
      await worker.close();
    }
    milliseconds[`${engine}, ${precision}`] = times;
  }
  return milliseconds;
}

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-opening-'));
try {
  if (values.measure !== undefined) {
    console.log(JSON.stringify(await measureOpenings(folder)));
  } else {
    if (values.other === undefined) throw new Error('Expected --other');
    const builds = { with: undefined, without: values.other };
    /** @type {{ build: 'with' | 'without', milliseconds: Record<string, number[]> }[]} */
    const runs = [];
    for (let round = 0; round < 2 * Number(values.rounds); round++) {
      const build = round % 4 === 0 || round % 4 === 3 ? 'without' : 'with';
      const addon = builds[build];
      const env = { ...process.env, ...(addon !== undefined && { VIRNUCPRO_ADDON: addon }) };
      let output = '';
      await measuredQuietly(async () => {
        const words = [fileURLToPath(import.meta.url), '--measure', 'openings'];
        output = execFileSync(process.execPath, words, { env, encoding: 'utf8' });
      });
      runs.push({ build, milliseconds: JSON.parse(output) });
    }
    const rows = CONFIGURATIONS.map(([engine, precision]) => {
      const name = `${engine}, ${precision}`;
      /** @param {'with' | 'without'} build @param {(times: number[]) => number} figure */
      const of = (build, figure) =>
        median(runs.filter((run) => run.build === build).map((run) => figure(run.milliseconds[name] ?? [])));
      const first = (/** @type {number[]} */ times) => times[0] ?? NaN;
      const later = (/** @type {number[]} */ times) => median(times.slice(1));
      return {
        name,
        first: { with: of('with', first), without: of('without', first) },
        later: { with: of('with', later), without: of('without', later) },
      };
    });
    const table = markdownTable(
      ['engine, precision', 'first opening', 'without', 'more', 'later openings', 'without', 'more'],
      rows.map(({ name, first, later }) => [
        name,
        ...[first, later].flatMap((one) =>
          [one.with, one.without, one.with - one.without].map((number) => `${number.toFixed(1)} ms`),
        ),
      ]),
    );
    const machine = { ...describeMachine(), rounds: values.rounds, threads: '2' };
    const markdown = `# What the known answer costs\n\nOpening a worker, up to the results of a small batch.\n\n${markdownList(machine)}\n\n${table}\n`;
    console.log(markdown);
    const day = today();
    if (values.out !== undefined) await writeResults(values.out, `${day}-opening`, { machine, runs }, markdown);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
