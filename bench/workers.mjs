// @ts-check
/**
 * The speed of `predict` with one worker on the CPU and with several that share its threads, and whether the results
 * are identical:
 * `node bench/workers.mjs --fasta contigs.fa --model NAME [--workers 1,2,4] [--rounds 3] [--out FOLDER]`. Rounds run
 * all settings in turn, back and forth; a row is the median of its rounds.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inRepository } from '../scripts/setup/repository.mjs';
import { measuredQuietly } from './other-load.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const FILES = ['contigs.tsv', 'windows.tsv', 'prediction_results.txt', 'prediction_results_highestscore.csv'];

const { values } = parseArgs({
  options: {
    fasta: { type: 'string' },
    model: { type: 'string' },
    workers: { type: 'string', default: '1,2,4' },
    precision: { type: 'string', default: 'auto' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
});
const { fasta, model } = values;
if (fasta === undefined || model === undefined) throw new Error('Expected --fasta and --model');
const counts = values.workers.split(',').map(Number);

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-workers-'));

/** @param {number} workers */
async function measure(workers) {
  const output = join(folder, 'out');
  const words = ['predict', String(fasta), '--output', output, '--force', '--model', String(model), '--device', 'cpu'];
  const more = ['--workers', String(workers), '--precision', values.precision, '--log-level', 'error', '--no-progress'];
  const { othersCores } = await measuredQuietly(async () => {
    execFileSync(process.execPath, [inRepository('bin', 'virnucpro.js'), ...words, ...more], { stdio: 'inherit' });
  });
  const run = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8'));
  const hash = createHash('sha256');
  for (const file of FILES) hash.update(readFileSync(join(output, file)));
  /** @type {number[]} */
  const busy = run.devices.map((/** @type {{ busySeconds: number }} */ device) => device.busySeconds);
  return {
    othersCores,
    frames: run.counts.framesScored,
    // Everything except loading the model.
    seconds: run.seconds.total - run.seconds.load,
    busySpread: Math.max(...busy) - Math.min(...busy),
    busiest: Math.max(...busy),
    peak: run.peakResidentBytes,
    hash: hash.digest('hex'),
    precision: run.devices[0].precision,
  };
}

/** @param {readonly number[]} list */
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;

try {
  /** @type {Map<number, Awaited<ReturnType<typeof measure>>[]>} */
  const measured = new Map(counts.map((count) => [count, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const count of round % 2 === 0 ? counts : [...counts].reverse())
      measured.get(count)?.push(await measure(count));
  }
  const rows = counts.map((count) => {
    const rounds = measured.get(count) ?? [];
    const of = (/** @type {'seconds' | 'busySpread' | 'busiest' | 'peak' | 'frames' | 'othersCores'} */ name) =>
      median(rounds.map((one) => one[name]));
    return {
      count,
      seconds: of('seconds'),
      busySpread: of('busySpread'),
      busiest: of('busiest'),
      peak: of('peak'),
      frames: of('frames'),
      others: of('othersCores'),
    };
  });
  const hashes = new Set([...measured.values()].flat().map(({ hash }) => hash));
  const first = rows[0]?.seconds ?? NaN;
  const table = markdownTable(
    [
      'workers',
      'seconds',
      'frames a second',
      'as fast as one',
      'busiest',
      'busy times differ by',
      'peak memory',
      'other load',
    ],
    rows.map((row) => [
      row.count,
      row.seconds.toFixed(1),
      (row.frames / row.seconds).toFixed(1),
      `${(first / row.seconds).toFixed(2)} x`,
      `${row.busiest.toFixed(1)} s`,
      `${row.busySpread.toFixed(1)} s`,
      `${(row.peak / 1e6).toFixed(0)} MB`,
      `${row.others.toFixed(2)} cores`,
    ]),
  );
  const cores = cpus();
  const machine = {
    machine: `${cores[0]?.model.trim()}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    model: `${model}, ${measured.get(counts[0] ?? 1)?.[0]?.precision}`,
    rounds: values.rounds,
    results: hashes.size === 1 ? 'the same bytes in every run' : `DIFFERENT in ${hashes.size} ways`,
  };
  const markdown = `# Workers on the CPU\n\n${markdownList(machine)}\n\n${table}\n`;
  console.log(markdown);
  const day = today();
  if (values.out !== undefined) await writeResults(values.out, `${day}-workers`, { machine, rows }, markdown);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
