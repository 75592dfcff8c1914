// @ts-check
/**
 * Writes docs/dashboard.svg, the picture of the dashboard in README.md: `npm run screen`. It shows the real command, in
 * a terminal of its own, in the middle of a run on four simulated GPUs (test/simulated-gpu). Needs tmux, and a compiler
 * and cmake for the simulated GPUs, which take a minute to build the first time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededNumbers } from '../dist/lib/models/random/random-contents.js';
import { noTerminal, Terminal } from '../dist/test/78-monitor/terminal.js';
import { alike } from '../dist/test/simulated-gpu/machine.js';
import { SimulatedGpus } from '../dist/test/simulated-gpu/simulated-gpus.js';
import { screenPicture } from './docs/screen-picture.mjs';
import { inRepository } from './setup/repository.mjs';

const SIZE = { columns: 100, rows: 22 };
/** An RTX 4090, where other programs use 2 GiB. The delay is long enough that the GPUs are seen at work. */
const GPU = { capability: '8.9', memory: 24, free: 22, delay: 5000 };
/** Small batches, so that there are many. */
const BATCHES = ['--esm-batch-size', '3072', '--dnabert-batch-size', '3072'];
const RECORDS = 200;
const TITLE = 'The dashboard of a run on four simulated GPUs';

/** Sequences without the letter T: neither strand has a stop codon, so every window has six ORFs. */
function records() {
  const next = seededNumbers(1);
  const letters = () => Array.from({ length: 2000 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: RECORDS }, (_, index) => `>contig_${index}\n${letters()}\n`).join('');
}

/** The machine's variables that this process does not have itself. @param {Record<string, string>} variables */
function added(variables) {
  return Object.fromEntries(Object.entries(variables).filter(([name, value]) => process.env[name] !== value));
}

/** About half of the run is done, and every device has done some of it. @param {string} screen */
function isInTheMiddle(screen) {
  const fraction = Number(/([\d.]+) % .* left/.exec(screen)?.[1]);
  const devices = [...screen.matchAll(/([\d.]+) % of the run/g)].map(([, done]) => Number(done));
  return fraction >= 35 && fraction <= 65 && devices.length === 4 && devices.every((done) => done > 0);
}

/** @param {string} folder @returns {Promise<string>} */
async function capture(folder) {
  const gpus = SimulatedGpus.make();
  writeFileSync(join(folder, 'contigs.fa'), records());
  const terminal = await Terminal.open({ ...SIZE, env: added(gpus.environment({ gpus: alike(4, GPU) })) });
  try {
    terminal.type(`cd '${folder}'`);
    const program = inRepository('bin/virnucpro.js');
    terminal.run(process.execPath, program, 'predict', 'contigs.fa', '-o', 'results', ...BATCHES);
    return await terminal.shows(isInTheMiddle);
  } finally {
    terminal.close();
  }
}

const missing = noTerminal() ?? SimulatedGpus.missing();
if (missing !== undefined) throw new Error(missing);
const folder = mkdtempSync(join(tmpdir(), 'virnucpro-screen-'));
try {
  const screen = await capture(folder);
  writeFileSync(
    inRepository('docs', 'dashboard.svg'),
    screenPicture(screen.trimEnd().split('\n'), SIZE.columns, TITLE),
  );
} finally {
  rmSync(folder, { recursive: true });
}
