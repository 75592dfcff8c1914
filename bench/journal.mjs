// @ts-check
/**
 * What a run's journal costs: `node bench/journal.mjs --fasta contigs.fa --model NAME [--rounds 5] [--embeddings]
 * [--out FOLDER]`. One loaded model predicts the same input with and without a journal, back and forth; a row is the
 * median of its rounds, and the cost is the median of the rounds' own ratios, by the clock and by processor time. The
 * latter is more reliable where others use the machine. Then the whole input runs against the journal of a complete
 * run, which shows how fast a run resumes. Finally a batch of 24 frames is entered many times, on its own.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { open } from '../dist/lib/index.js';
import { RunJournal } from '../dist/lib/journal/run-journal.js';
import { WITHOUT_TRIAGE } from '../dist/lib/journal/journal-key.js';
import { measuredQuietly } from './other-load.mjs';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const { values } = parseArgs({
  options: {
    fasta: { type: 'string' },
    model: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    embeddings: { type: 'boolean', default: false },
    /** Where the journals go: use the disk that results would be written to. */
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
    // The measurement may be repeated, and must begin without a journal each time.
    if (journal !== undefined && isNew) rmSync(journal, { force: true });
    frames = 0;
    const start = performance.now();
    const before = process.cpuUsage();
    const options = { embeddings, progressInterval: 0, ...(journal !== undefined && { journal }) };
    for await (const result of predictor.predict(inputs, options)) {
      if (result.kind === 'window') frames += result.frames.length;
    }
    return { seconds: (performance.now() - start) / 1000, cpu: microseconds(before) / 1e6 };
  });
  return { ...measured.result, othersCores: measured.othersCores, frames };
}

/** Processor time. @param {NodeJS.CpuUsage} before */
function microseconds(before) {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Processor microseconds to enter a batch: its digest, its record, the writing and the syncs. */
async function microsecondsABatch() {
  const batches = 20_000;
  const frames = 24;
  /** @param {number} size */
  const packed = (size) => ({
    tokens: Int32Array.from({ length: size }, (_, index) => index % 4000),
    offsets: Int32Array.from({ length: frames + 1 }, (_, index) => Math.floor((index * size) / frames)),
  });
  const tokens = { dna: packed(2400), protein: packed(4096) };
  const scores = new Float32Array(2 * frames).fill(0.25);
  const hash = '0'.repeat(64);
  const key = {
    ...{ format: 1, virnucpro: '', libtorch: '', dna: hash, protein: hash, classifier: hash, chunkSize: 500 },
    ...{ precision: 'bf16', engine: 'packed', esmBatchTokens: 4096, dnabertBatchTokens: 4096, embeddings: false },
    ...WITHOUT_TRIAGE,
    devices: [],
  };
  const onFailure = (/** @type {Error} */ error) => console.error(error.message);
  const journal = await RunJournal.open({ path: join(folder, 'alone'), key, onFailure });
  const before = process.cpuUsage();
  for (let batch = 0; batch < batches; batch++) {
    journal.models.add(batch, tokens, { scores });
    if (batch % 8 === 0) await setImmediate();
  }
  await journal.close();
  return microseconds(before) / batches;
}

try {
  await measure();
  /** @type {{ without: number, with: number, cpuRatio: number, others: number }[]} */
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
      cpuRatio: kept.cpu / alone.cpu,
      others: Math.max(alone.othersCores, kept.othersCores),
    });
  }
  const again = await measure({ journal, isNew: false });
  const row = {
    without: median(rounds.map((one) => one.without)),
    with: median(rounds.map((one) => one.with)),
    ratio: median(rounds.map((one) => one.with / one.without)),
    cpuRatio: median(rounds.map((one) => one.cpuRatio)),
    microsecondsABatch: await microsecondsABatch(),
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
      "ratio of the processor's time",
      'a batch alone',
      'bytes a frame',
      'the whole input again, from the journal',
      'other load',
    ],
    [
      [
        `${row.without.toFixed(2)} s`,
        `${row.with.toFixed(2)} s`,
        row.ratio.toFixed(3),
        row.cpuRatio.toFixed(3),
        `${row.microsecondsABatch.toFixed(0)} µs of the processor`,
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
  const day = today();
  if (values.out !== undefined) {
    await writeResults(values.out, `${day}-journal-${model}`, { machine, row, rounds }, markdown);
  }
} finally {
  await predictor.close();
  rmSync(folder, { recursive: true });
}
