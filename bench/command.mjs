// @ts-check
/**
 * How long the command takes, from start to end: `node bench/command.mjs --fasta contigs.fa [--fasta other.fa] [--model
 * NAME] [--rounds 5] [--out FOLDER]`. Each prediction is a process of its own, the files in turn; a row is the median
 * of its rounds. The default model is the shipped one. Bases per second per core count all the machine's processors,
 * all of which are used: a file of some megabases shows the throughput, a short one the cost of starting.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { inRepository } from '../scripts/setup/repository.mjs';
import { measuredQuietly } from './other-load.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const { values } = parseArgs({
  options: {
    fasta: { type: 'string', multiple: true },
    model: { type: 'string', default: 'virnucpro-mini' },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});
const { fasta, model, out } = values;
if (fasta === undefined) throw new Error('Expected --fasta');
const folder = mkdtempSync(join(tmpdir(), 'virnucpro-command-'));

/** @param {readonly number[]} list */
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;

/** @param {string} input @param {string} results @returns {Promise<number>} seconds */
function seconds(input, results) {
  const words = ['predict', input, '--output', results, '--force', '--model', model, '--no-progress'];
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [inRepository('bin', 'virnucpro.js'), ...words], { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (status) => {
      if (status === 0) resolve((performance.now() - start) / 1000);
      else reject(new Error(`predict of ${input} ended with ${status}`));
    });
  });
}

/** The sum of the column `length`. @param {string} table */
function lengths(table) {
  const [, header = '', ...rows] = readFileSync(table, 'utf8').trimEnd().split('\n');
  const column = header.split('\t').indexOf('length');
  return rows.reduce((sum, row) => sum + Number(row.split('\t')[column]), 0);
}

const cores = availableParallelism();
const rows = [];
for (const input of fasta) {
  const results = join(folder, basename(input));
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    rounds.push(await measuredQuietly(() => seconds(input, results)));
  }
  const bases = lengths(join(results, 'contigs.tsv'));
  const time = median(rounds.map(({ result }) => result));
  const othersCores = Math.max(...rounds.map((round) => round.othersCores));
  rows.push({ input: basename(input), bases, seconds: time, basesPerSecondPerCore: bases / time / cores, othersCores });
}
rmSync(folder, { recursive: true, force: true });

const machine = {
  machine: `${cpus()[0]?.model.trim()}, ${cores} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  model,
  rounds: values.rounds,
};
const table = markdownTable(
  ['input', 'bases', 'start to end', 'kb a second a core', 'other load'],
  rows.map((row) => [
    ...[row.input, row.bases.toLocaleString('en'), `${row.seconds.toFixed(2)} s`],
    ...[Math.round(row.basesPerSecondPerCore / 1000), `${row.othersCores.toFixed(2)} cores`],
  ]),
);
const markdown = `# The command, from start to end\n\n${markdownList(machine)}\n\n${table}\n`;
console.log(markdown);
if (out !== undefined) {
  const day = today();
  await writeResults(out, `${day}-command-${model}`, { ...machine, cores, rows }, markdown);
}
