// @ts-check
/**
 * How much more memory a run takes when its input is a hundred times larger: `node bench/memory.mjs [megabases]`.
 * Writes contigs of random bases, every tenth without stop codons in its first frame, first as many records, then as a
 * single one. Predicts them with a small random model and prints a Markdown table of peak resident memory.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { inRepository } from '../scripts/setup/repository.mjs';
import { MODEL, randomModel } from './random-model.mjs';

const CONTIG = 9999;
const [small, large] = [1, Number(process.argv[2] ?? 100)];
const codons = [...'ACGT'].flatMap((a) => [...'ACGT'].flatMap((b) => [...'ACGT'].map((c) => a + b + c)));
const sense = codons.filter((codon) => !['TAA', 'TAG', 'TGA'].includes(codon));

/** @param {number} seed A linear congruential generator (Numerical Recipes), whole numbers below 2^32. */
function numbers(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
}

/** @param {string} path @param {number} megabases @param {boolean} single */
function writeContigs(path, megabases, single) {
  const next = numbers(7);
  const file = openSync(path, 'w');
  if (single) writeSync(file, '>single\n');
  for (let index = 0; index * CONTIG < megabases * 1e6; index++) {
    const words = index % 10 === 0 ? sense : codons;
    let letters = '';
    while (letters.length < CONTIG) letters += words[Math.floor((next() / 2 ** 32) * words.length)];
    writeSync(
      file,
      `${single ? '' : `>contig_${index} made for a measurement\n`}${letters.replace(/.{80}/g, '$&\n')}\n`,
    );
  }
  closeSync(file);
}

const models = await randomModel({ esm: 'esm2_tiny', dna: 'dnabert_tiny', seed: 1 });
const folder = mkdtempSync(join(tmpdir(), 'virnucpro-memory-'));

/** @param {number} megabases @param {boolean} single */
function measure(megabases, single) {
  const input = join(folder, 'input.fa');
  writeContigs(input, megabases, single);
  const words = ['predict', input, '--output', join(folder, 'out'), '--force', '--log-level', 'error'];
  const model = ['--model', MODEL, '--models', models];
  execFileSync(process.execPath, [inRepository('bin', 'virnucpro.js'), ...words, ...model], { stdio: 'inherit' });
  const run = JSON.parse(readFileSync(join(folder, 'out', 'run.json'), 'utf8'));
  return { peak: run.peakResidentBytes / 1e6, frames: run.counts.framesScored, seconds: run.seconds.total };
}

try {
  const cores = cpus();
  console.log(`${cores[0]?.model.trim()}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB\n`);
  console.log('| records | input | frames | seconds | peak resident | growth |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const single of [false, true]) {
    let first = 0;
    for (const megabases of [small, large]) {
      const { peak, frames, seconds } = measure(megabases, single);
      first ||= peak;
      const growth = peak === first ? '' : `${(peak - first).toFixed(0)} MB`;
      const cells = [single ? 'one' : 'many', `${megabases} Mb`, frames, seconds.toFixed(0), `${peak.toFixed(0)} MB`];
      console.log(`| ${[...cells, growth].join(' | ')} |`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
