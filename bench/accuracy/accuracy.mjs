// @ts-check
/** How far lower precisions are from FP32: `node bench/accuracy/accuracy.mjs --help`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinned } from '../compare/competitors.mjs';
import { describeMachine } from '../compare/machine.mjs';
import { pythonEnvironment } from '../python/environment.mjs';
import { today, writeResults } from '../write-results.mjs';
import { embeddingErrors } from './embeddings.mjs';
import { labelAgreement } from './labels.mjs';
import { readOptions, usage } from './options.mjs';
import { faultsOf, markdownOf } from './report.mjs';

// Nothing is timed here, and threads that spin while they wait slow down a busy machine.
process.env['GOMP_SPINCOUNT'] ??= '2000';

const DNA = 'dnabert_s';
const LABELS_ESM = 'esm2_t6_8M_UR50D';

/** @param {import('./options.mjs').Options} options @param {string} folder for intermediate files */
async function measure(options, folder) {
  const { proteins, contigs, esm, kinds, windows, seed, threads, out } = options;
  const python = await pythonEnvironment((text) => console.error(text));
  const subjects = kinds.flatMap((kind) => [
    ...proteins.flatMap((fasta) => esm.map((size) => ({ part: /** @type {const} */ ('protein'), size, kind, fasta }))),
    ...(contigs === undefined ? [] : [{ part: /** @type {const} */ ('dna'), size: DNA, kind, fasta: contigs }]),
  ]);
  const embeddings = [];
  for (const subject of subjects) {
    console.error(`embeddings of ${subject.size}, ${subject.kind}`);
    embeddings.push(await embeddingErrors(subject, options, python, folder));
  }
  if (windows > 0) console.error(`labels of ${windows} windows`);
  const labels =
    windows > 0 ? [await labelAgreement({ esm: LABELS_ESM, dna: DNA, kind: 'plain' }, options, folder)] : [];
  const report = {
    date: today(),
    machine: {
      ...describeMachine(),
      PyTorch: pinned('torch'),
      transformers: pinned('transformers'),
      threads: `${threads}`,
    },
    ...{ seed, embeddings, labels },
  };
  console.log(markdownOf(report));
  for (const fault of faultsOf(report)) {
    console.error(fault);
    process.exitCode = 1;
  }
  await writeResults(out, `${report.date}-accuracy`, report, markdownOf(report));
}

const options = readOptions(process.argv.slice(2));
const nothing = options.proteins.length === 0 && options.contigs === undefined && options.windows === 0;
if (options.help || nothing) {
  (options.help ? console.log : console.error)(usage);
  if (!options.help) process.exitCode = 1;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-accuracy-'));
  try {
    await measure(options, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
