// @ts-check
/**
 * What the journal of a run costs: `node bench/journal.mjs --fasta contigs.fa --model NAME [--rounds 5] [--embeddings]
 * [--out FOLDER]`. One loaded model predicts the same input with a journal and without in turn, there and back; a row is
 * the median of its rounds, and the cost is the median of the rounds' own ratios. Then the whole input is gone through
 * with the journal of a complete run: that is how fast a run is gone on with.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { open } from '../dist/lib/index.js';
import { measuredQuietly } from './other-load.mjs';
import { markdownList, markdownTable, writeResults } from './write-results.mjs';

const { values } = parseArgs({
  options: {
    fasta: { type: 'string' },
    model: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    embeddings: { type: 'boolean', default: false },
    /** Where the journals are: on the disk that results would be written to. */
    folder: { type: 'string', default: tmpdir() },
    out: { type: 'string' },
  },
});
const { fasta, model, embeddings } = values;
if (fasta === undefined || model === undefined) throw new Error('Expected --fasta and --model');
const inputs = fasta;

/** @param {readonly number[]} list */
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? NaN;

const folder = mkdtempSync(join(values.folder, 'virnucpro-journal-'));
const predictor = await open({ model, devices: 'cpu' });

/** @param {{ journal?: string, isNew?: boolean }} [given] */
async function measure({ journal, isNew = true } = {}) {
  let frames = 0;
  const measured = await measuredQuietly(async () => {
    // It may be repeated.
    if (journal !== undefined && isNew) rmSync(journal, { force: true });
    frames = 0;
    const start = performance.now();
    const options = { embeddings, progressInterval: 0, ...(journal !== undefined && { journal }) };
    for await (const result of predictor.predict(inputs, options)) {
      if (result.kind === 'window') frames += result.frames.length;
    }
    return (performance.now() - start) / 1000;
  });
  return { seconds: measured.result, othersCores: measured.othersCores, frames };
}

try {
  await measure();
  /** @type {{ without: number, with: number, others: number }[]} */
  const rounds = [];
  const journal = join(folder, 'journal');
  let bytes = 0;
  let frames = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    /** @type {Record<string, Awaited<ReturnType<typeof measure>>>} */
    const pair = {};
    for (const kind of round % 2 === 0 ? ['without', 'with'] : ['with', 'without']) {
      pair[kind] = await measure(kind === 'with' ? { journal } : {});
      if (kind === 'with') bytes = statSync(journal).size;
    }
    const [alone, kept] = [pair['without'], pair['with']];
    if (!alone || !kept) throw new Error('Expected both kinds in a round');
    frames = kept.frames;
    rounds.push({
      without: alone.seconds,
      with: kept.seconds,
      others: Math.max(alone.othersCores, kept.othersCores),
    });
  }
  const again = await measure({ journal, isNew: false });
  const row = {
    without: median(rounds.map((one) => one.without)),
    with: median(rounds.map((one) => one.with)),
    ratio: median(rounds.map((one) => one.with / one.without)),
    bytesPerFrame: bytes / frames,
    frames,
    again: again.seconds,
    others: median(rounds.map(({ others }) => others)),
  };
  const table = markdownTable(
    [
      'without a journal',
      'with one',
      'ratio',
      'bytes a frame',
      'the whole input again, from the journal',
      'other load',
    ],
    [
      [
        `${row.without.toFixed(2)} s`,
        `${row.with.toFixed(2)} s`,
        row.ratio.toFixed(4),
        row.bytesPerFrame.toFixed(1),
        `${row.again.toFixed(2)} s`,
        `${row.others.toFixed(2)} cores`,
      ],
    ],
  );
  const cores = cpus();
  const machine = {
    machine: `${cores[0]?.model.trim()}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    model: `${model}, ${predictor.devices[0]?.precision}, ${frames} frames${embeddings ? ', with embeddings' : ''}`,
    rounds: `${values.rounds}; ratios of the rounds ${rounds.map((one) => (one.with / one.without).toFixed(3)).join(', ')}`,
  };
  const markdown = `# The cost of a journal\n\n${markdownList(machine)}\n\n${table}\n`;
  console.log(markdown);
  const day = new Date().toISOString().slice(0, 10);
  if (values.out !== undefined) {
    await writeResults(values.out, `${day}-journal-${model}`, { machine, row, rounds }, markdown);
  }
} finally {
  await predictor.close();
  rmSync(folder, { recursive: true });
}
