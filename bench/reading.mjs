// @ts-check
/**
 * How fast records are read, on their own: `node bench/reading.mjs [--dist FOLDER ...] [--megabases 100] [--rounds 5]
 * [--kinds random,short,single] [--out FOLDER]`. Several compiled versions of the project are measured in turn, each
 * reading in a process of its own. The fastest round counts, since other work on the machine only adds time.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { inRepository } from '../scripts/setup/repository.mjs';
import { writeInput } from './host/inputs.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const { values } = parseArgs({
  options: {
    dist: { type: 'string', multiple: true, default: [inRepository('dist')] },
    megabases: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    kinds: { type: 'string', default: 'random,short,single' },
    out: { type: 'string' },
    /** In the child process: the input. */
    measure: { type: 'string' },
  },
});

/** @param {string} dist @param {string} input @returns {Promise<number>} seconds of all threads */
async function measure(dist, input) {
  const { readRecords } = await import(pathToFileURL(join(resolve(dist), 'lib', 'input', 'records.js')).href);
  const read = async () => {
    for await (const { sequence } of readRecords([input])) sequence.release();
  };
  // Once to warm up the JIT compiler.
  await read();
  const before = process.cpuUsage();
  await read();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** @param {string} dist @param {string} input @returns {number} */
function measuredApart(dist, input) {
  const words = [fileURLToPath(import.meta.url), '--dist', dist, '--measure', input];
  return Number(execFileSync(process.execPath, words, { encoding: 'utf8' }));
}

/** @param {string} folder @param {string} kind */
function measureKind(folder, kind) {
  const input = join(folder, `${kind}.fa`);
  writeInput(input, kind, Number(values.megabases));
  const bytes = statSync(input).size;
  const best = values.dist.map(() => Infinity);
  for (let round = 0; round < Number(values.rounds); round++) {
    values.dist.forEach((dist, index) => (best[index] = Math.min(best[index] ?? Infinity, measuredApart(dist, input))));
  }
  rmSync(input);
  return { kind, bytes, nanosecondsPerByte: best.map((seconds) => (1e9 * seconds) / bytes) };
}

if (values.measure !== undefined) {
  console.log(await measure(values.dist[0] ?? '', values.measure));
} else {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-reading-'));
  try {
    const kinds = values.kinds.split(',').map((kind) => measureKind(folder, kind));
    const titles = ['input', ...values.dist.map((_, index) => `state ${index + 1}, CPU ns a byte`)];
    const rows = kinds.map(({ kind, nanosecondsPerByte }) => [kind, ...nanosecondsPerByte.map((ns) => ns.toFixed(2))]);
    const machine = {
      machine: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
      software: `Node ${process.versions.node}`,
    };
    const table = markdownTable(titles, rows);
    console.log(table);
    if (values.out !== undefined) {
      const name = `${today()}-reading`;
      const markdown = `# Reading records\n\n${markdownList(machine)}\n\n${table}\n`;
      await writeResults(values.out, name, { ...machine, kinds }, markdown);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
