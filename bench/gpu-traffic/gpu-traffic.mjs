// @ts-check
/**
 * The work that one layer of either model gives a GPU, counted on a simulated one, and the time that follows on paper:
 *   node bench/gpu-traffic/gpu-traffic.mjs [--before FOLDER] [--tokens 1024] [--out bench/results]
 * FOLDER is an older checkout, already set up, to compare with. One and two forward passes through one and two layers
 * of the published widths run in processes of their own; the differences are the work of one layer.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DNABERT_SIZES, ESM2_SIZES } from '../../dist/lib/models/random/published-sizes.js';
import { randomParameters } from '../../dist/lib/models/random/random-contents.js';
import { loadAddon } from '../../dist/lib/engine/libtorch/load.js';
import { SimulatedGpus } from '../../dist/test/simulated-gpu/simulated-gpus.js';
import { repositoryRoot } from '../../scripts/setup/repository.mjs';
import { describeMachine } from '../compare/machine.mjs';
import { markdownList, markdownTable, today, writeResults } from '../write-results.mjs';
import { assumptions, GPUS, onPaper } from './on-paper.mjs';

/** @typedef {import('../../dist/lib/engine/addon.js').Esm2Architecture} Esm2Architecture */
/** @typedef {import('../../dist/lib/engine/addon.js').DnabertArchitecture} DnabertArchitecture */
/** @typedef {{ launches: number, bytes: number }} Count */
/** @typedef {Map<string, Count>} Counts by the kernel's name */
/** @typedef {{ name: string, root: string, environment: Record<string, string> }} Engine root: its checkout */

/** Tokens of a batch on a GPU with enough memory. */
const TOKENS_ON_PAPER = 16_384;
const MODELS = [
  { name: 'ESM-2 3B', published: ESM2_SIZES.get('esm2_t36_3B_UR50D'), sequence: 128 },
  { name: 'DNABERT-S', published: DNABERT_SIZES.get('dnabert_s'), sequence: 64 },
];
/** The linear layers' products, whose time follows from the linear rate. */
const MATRIX_PRODUCTS = /^aten::(addmm|mm|linear)\b/;

const { values } = parseArgs({
  options: {
    before: { type: 'string' },
    tokens: { type: 'string', default: '1024' },
    out: { type: 'string', default: 'bench/results' },
  },
});
const tokens = Number(values.tokens);

/** @param {Engine} engine @param {object} work @param {string} report @returns {Counts} */
function count({ root, environment }, work, report) {
  const child = fileURLToPath(new URL('forward.mjs', import.meta.url));
  const env = { ...environment, SIMULATED_GPU_REPORT: report };
  execFileSync(process.execPath, [child, JSON.stringify({ root, ...work })], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  /** @type {import('../../dist/test/simulated-gpu/report.js').SimulationReport} */
  const { devices } = JSON.parse(readFileSync(report, 'utf8'));
  const kernels = Object.entries(devices[0]?.kernels ?? {});
  return new Map(
    kernels.map(([name, { launches, bytesRead, bytesWritten }]) => [
      name,
      { launches, bytes: bytesRead + bytesWritten },
    ]),
  );
}

/** @param {Counts} more @param {Counts} less @returns {Counts} */
function difference(more, less) {
  const rest = [...more].map(([name, { launches, bytes }]) => {
    const other = less.get(name) ?? { launches: 0, bytes: 0 };
    return /** @type {const} */ ([name, { launches: launches - other.launches, bytes: bytes - other.bytes }]);
  });
  return new Map(rest.filter(([, { launches }]) => launches !== 0));
}

/**
 * What one more layer adds to one more forward pass: loading and work per batch are in both, and cancel out.
 * @param {Engine} engine @param {{ architecture: any, sequence: number }} model @param {string} folder
 */
async function countLayer(engine, { architecture, sequence }, folder) {
  const { addon } = loadAddon();
  /** @type {Counts[]} */
  const forwardOf = [];
  for (const layers of [1, 2]) {
    const shorter = { ...architecture, layers };
    const path = join(folder, 'model.pt');
    await addon.writeArchive({
      ...{ path, architecture: shorter, dtype: 'bfloat16', extraFiles: {} },
      parameters: randomParameters(shorter, 1),
    });
    const work = { architecture: shorter, path, tokens, sequence };
    const report = join(folder, 'report.json');
    const once = count(engine, { ...work, forwards: 1 }, report);
    forwardOf.push(difference(count(engine, { ...work, forwards: 2 }, report), once));
  }
  const [one, two] = /** @type {[Counts, Counts]} */ (forwardOf);
  return difference(two, one);
}

/** @param {Counts} layer */
function besidesProducts(layer) {
  const others = [...layer].filter(([name]) => !MATRIX_PRODUCTS.test(name)).map(([, counted]) => counted);
  return {
    kernels: others.reduce((sum, { launches }) => sum + launches, 0),
    bytes: others.reduce((sum, { bytes }) => sum + bytes, 0) / tokens,
  };
}

/** @param {Esm2Architecture | DnabertArchitecture} architecture @param {number} sequence tokens of each */
function operationsOf({ family, width, feedForward }, sequence) {
  const sides = family === 'esm2' ? 2 : 3;
  const linear = 2 * (4 * width * width + sides * width * feedForward);
  return { linear, attention: 4 * sequence * width };
}

/** @param {string} name @param {Counts} layer */
function kernelRows(name, layer) {
  const rows = [...layer].sort(([, one], [, other]) => other.bytes - one.bytes);
  return rows.map(([kernel, { launches, bytes }]) => [name, kernel, launches, (bytes / tokens).toFixed(0)]);
}

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-traffic-'));
try {
  const missing = SimulatedGpus.missing();
  if (missing !== undefined) throw new Error(missing);
  const gpus = SimulatedGpus.make();
  const machine = { gpus: [{ capability: '9.0', delay: 0 }] };
  const operators = { ...gpus.environment(machine), VIRNUCPRO_CUDA_KERNELS: '0' };
  /** @param {string} root @returns {Engine} */
  const older = (root) => {
    const environment = { ...operators, VIRNUCPRO_ADDON: join(root, 'build', 'Release') };
    return { name: 'before', root, environment };
  };
  const engines = [
    ...(values.before === undefined ? [] : [older(resolve(values.before))]),
    { name: "libtorch's operators", root: repositoryRoot, environment: operators },
    { name: 'own kernels', root: repositoryRoot, environment: gpus.environment({ ...machine, kernels: {} }) },
  ];
  const summary = [];
  const details = [];
  const report = [];
  for (const { name, published, sequence } of MODELS) {
    if (!published) throw new Error(`Expected the published size of ${name}`);
    const { architecture } = published;
    for (const engine of engines) {
      console.error(`${name}, ${engine.name}`);
      const layer = await countLayer(engine, { architecture, sequence }, folder);
      const { kernels, bytes } = besidesProducts(layer);
      const products = [...layer].filter(([kernel]) => MATRIX_PRODUCTS.test(kernel));
      const launchedProducts = products.reduce((sum, [, { launches }]) => sum + launches, 0);
      const times = GPUS.map((gpu) =>
        onPaper({ ...operationsOf(architecture, sequence), kernels, bytes }, gpu, TOKENS_ON_PAPER),
      );
      summary.push([
        ...[name, engine.name, launchedProducts, kernels, (bytes / 1024).toFixed(1)],
        ...times.flatMap(({ secondsOfToken, matmulEfficiency }) => [
          `${(matmulEfficiency * 100).toFixed(0)} %`,
          (1 / (secondsOfToken * architecture.layers) / 1000).toFixed(0),
        ]),
      ]);
      details.push(...kernelRows(`${name}, ${engine.name}`, layer));
      report.push({ model: name, engine: engine.name, kernels: Object.fromEntries(layer), times });
    }
  }
  const titles = GPUS.flatMap(({ name }) => [`${name}: of the linear rate`, 'thousand tokens/s']);
  const markdown = [
    '# What one layer gives a GPU to do, and the time that follows on paper',
    'Counted on a simulated GPU (test/simulated-gpu) that runs the real engine; nothing here was measured on a real one. `node scripts/gpu-check.mjs` measures the linear rate and the fraction of it that a run reaches where there is a GPU.',
    markdownList({
      ...describeMachine(),
      counted: `${tokens} tokens in BF16, sequences of 128 (ESM-2) and 64 (DNABERT-S)`,
    }),
    'Kernels and KiB a token are those of one layer, without the matrix products of the linear layers and their weights.',
    markdownTable(['model', 'engine', 'products', 'other kernels', 'KiB a token', ...titles], summary),
    "Where attention goes through libtorch's choice of a kernel, which an older engine left to it, the simulation takes the plain steps: cuDNN's or the memory-efficient kernel would move less, and cuDNN would plan for every new shape.",
    `Assumed:\n\n${assumptions(TOKENS_ON_PAPER)
      .map((text) => `- ${text}`)
      .join('\n')}`,
    '## Every kernel of a layer',
    markdownTable(['model and engine', 'kernel', 'launches', 'bytes a token'], details),
  ].join('\n\n');
  const day = today();
  await writeResults(values.out, `${day}-gpu-traffic`, report, markdown);
} finally {
  rmSync(folder, { recursive: true });
}
