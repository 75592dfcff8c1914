// @ts-check
/**
 * Compares `virnucpro embed` with fair-esm's own script and with transformers, from a FASTA file to the mean embeddings
 * on disk: `node bench/embed/embed.mjs --fasta FILE --extract extract.py`. See bench/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passed } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../compare/machine.mjs';
import { pinned } from '../compare/competitors.mjs';
import { pythonEnvironment } from '../python/environment.mjs';
import { today, writeResults } from '../write-results.mjs';
import { Programs } from './programs.mjs';
import { markdownOf } from './report.mjs';
import { fastaRecords, residuesOf, slicesOf, writeFasta } from './slices.mjs';

const usage = `node bench/embed/embed.mjs --fasta FILE --extract FILE [options]

  --fasta FILE    proteins of at most 1,022 residues, where fair-esm's script would cut them
  --extract FILE  scripts/extract.py of the fair-esm repository
  --esm SIZE      ESM-2 of this size, with random weights (default esm2_t30_150M_UR50D)
  --slices N      the proteins are embedded in N parts, by all programs in turn (default 5)
  --threads N     CPU threads of each (default: all cores)
  --pause N       seconds between two programs, for others who need the machine, too (default 0)
  --out DIR       write the table and the figures there
`;

/**
 * What a program needed for a slice: seconds of the clock, and of all its processes' CPU time. `othersCores`: what the
 * rest of the machine did meanwhile.
 * @typedef {{ seconds: number, cpuSeconds: number, othersCores: number }} Time
 * @typedef {{ program: import('./programs.mjs').Program, start: Time, slices: Time[], cosine: number, relativeError: number }} Entry
 */

/** @typedef {import('./slices.mjs').FastaRecord} FastaRecord */

/** @param {string} text */
const say = (text) => console.error(text);

/** @param {{ fasta: string, extract: string, esm: string, slices: number, threads: number, pause: number, out?: string }} options @param {string} folder */
async function compare({ fasta, extract, esm, slices: count, threads, pause, out }, folder) {
  const records = fastaRecords(fasta);
  const slices = slicesOf(records, count);
  const programs = await Programs.prepare({ esm, extract, threads, folder, python: await pythonEnvironment(say) });
  /** @type {Entry[]} */
  const entries = [];
  const shortest = join(folder, 'shortest.fasta');
  writeFasta(shortest, records.toSorted((one, other) => one.sequence.length - other.sequence.length).slice(0, 1));
  for (const program of programs.all) {
    await programs.embed(program, shortest);
    const start = await programs.embed(program, shortest);
    say(`${program.name}, ${program.precision}: starts in ${start.seconds.toFixed(1)} s`);
    entries.push({ program, start, slices: [], cosine: 1, relativeError: 0 });
  }
  for (const [index, slice] of slices.entries()) {
    const input = join(folder, `slice-${index}.fasta`);
    writeFasta(input, slice);
    // Back and forth, so that a machine that becomes slower or faster does so for all.
    for (const entry of index % 2 === 0 ? entries : [...entries].reverse()) {
      if (index >= (entry.program.maxSlices ?? Infinity)) continue;
      await passed(1000 * pause);
      const time = await programs.embed(entry.program, input);
      entry.slices.push(time);
      const speed = residuesOf(slice) / time.seconds;
      say(
        `slice ${index + 1} of ${count}, ${entry.program.name}, ${entry.program.precision}: ${speed.toFixed(0)} residues/s`,
      );
    }
    for (const entry of entries.slice(1)) {
      if (index >= (entry.program.maxSlices ?? Infinity)) continue;
      const { cosine, relativeError } = await programs.agreement(entries[0]?.program, entry.program, input);
      entry.cosine = Math.min(entry.cosine, cosine);
      entry.relativeError = Math.max(entry.relativeError, relativeError);
    }
    // After every slice, so that a bench that is ended early has a result.
    const report = reportOf({ esm, threads, entries, slices: slices.slice(0, index + 1), count });
    if (out !== undefined) await writeResults(out, `${report.date}-embed`, report, markdownOf(report));
    if (index === slices.length - 1) console.log(markdownOf(report));
  }
}

/**
 * @param {{ esm: string, threads: number, entries: readonly Entry[], slices: readonly FastaRecord[][], count: number }} measured
 *   slices: those that were embedded, of `count` @returns {import('./report.mjs').Report}
 */
function reportOf({ esm, threads, entries, slices, count }) {
  const lengths = slices
    .flat()
    .map(({ sequence }) => sequence.length)
    .sort((one, other) => one - other);
  return {
    date: today(),
    subject: esm,
    lengths: {
      sequences: lengths.length,
      residues: residuesOf(slices.flat()),
      shortest: lengths[0] ?? NaN,
      median: lengths[lengths.length >> 1] ?? NaN,
      longest: lengths.at(-1) ?? NaN,
    },
    threads,
    slices: count,
    residuesOfSlices: slices.map(residuesOf),
    machine: { ...describeMachine(), PyTorch: pinned('torch') },
    entries: entries.map(({ program, ...figures }) => ({
      ...{ name: program.name, how: program.how, precision: program.precision },
      ...figures,
    })),
  };
}

const { values } = parseArgs({
  options: {
    fasta: { type: 'string' },
    extract: { type: 'string' },
    esm: { type: 'string', default: 'esm2_t30_150M_UR50D' },
    slices: { type: 'string', default: '5' },
    threads: { type: 'string', default: String(availableParallelism()) },
    pause: { type: 'string', default: '0' },
    out: { type: 'string' },
  },
});
if (values.fasta === undefined || values.extract === undefined) {
  console.error(usage);
  process.exitCode = 1;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-embed-'));
  try {
    const { fasta, extract } = values;
    const [slices, threads, pause] = [Number(values.slices), Number(values.threads), Number(values.pause)];
    await compare({ ...values, fasta, extract, slices, threads, pause }, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
