// @ts-check
/**
 * What a run with a long journal takes before it resumes: `node bench/resumed-journal.mjs [--batches 1000000]
 * [--folder FOLDER] [--out FOLDER]`. Writes a journal of that many batches of two frames; a process of its own opens it
 * and looks up the first batches one after the other. Exits with 1 if opening took more memory than its bound.
 */
import { execFile } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { BATCH_RECORD, batchDigest, encodeRecord, KEY_RECORD } from '../dist/lib/journal/journal-format.js';
import { RunJournal } from '../dist/lib/journal/run-journal.js';
import { JOURNAL_FORMAT, WITHOUT_TRIAGE } from '../dist/lib/journal/journal-key.js';
import { markdownList, markdownTable, today, writeResults } from './write-results.mjs';

const FRAMES = 2;
const MAX_LOOKED_UP = 100_000;
/** Its position and frames, 12 bytes, and as much again for their container; garbage: what is not collected yet. */
const MAX_BYTES_A_BATCH = 24;
const MAX_GARBAGE = 64 * 2 ** 20;
const TOKENS = {
  dna: { tokens: Int32Array.of(1, 2), offsets: Int32Array.of(0, 1, 2) },
  protein: { tokens: Int32Array.of(3, 4), offsets: Int32Array.of(0, 1, 2) },
};
const HASH = '0'.repeat(64);
const KEY = {
  ...{ format: JOURNAL_FORMAT, virnucpro: '', libtorch: '', dna: HASH, protein: HASH, classifier: HASH },
  ...{ chunkSize: 500, precision: 'fp32', engine: 'packed', esmBatchTokens: 1, dnabertBatchTokens: 1 },
  ...{ embeddings: false, ...WITHOUT_TRIAGE, devices: [] },
};

/** @typedef {{ openSeconds: number, lookUpMicroseconds: number, bytes: number, peakBytes: number }} Measured */

/** @param {string} path @param {number} batches */
async function writeJournal(path, batches) {
  const file = createWriteStream(path);
  const head = { batch: 0, frames: 0, digest: new Uint8Array(16) };
  file.write(encodeRecord({ ...head, kind: KEY_RECORD }, Buffer.from(JSON.stringify(KEY))));
  const digest = batchDigest([TOKENS.dna, TOKENS.protein]);
  const payload = new Uint8Array(Float32Array.of(0.25, 0.75, 0.5, 0.5).buffer);
  for (let batch = 0; batch < batches; batch += 1000) {
    const records = Array.from({ length: Math.min(1000, batches - batch) }, (_, index) =>
      encodeRecord({ kind: BATCH_RECORD, batch: batch + index, frames: FRAMES, digest }, payload),
    );
    if (!file.write(Buffer.concat(records))) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

/** @param {string} path @param {number} batches @returns {Promise<Measured>} */
async function measure(path, batches) {
  const before = process.resourceUsage().maxRSS * 1024;
  const start = performance.now();
  const journal = await RunJournal.open({ path, key: KEY, onFailure: (error) => console.error(error.message) });
  const opened = performance.now();
  if (journal.content.batches !== batches) throw new Error(`${journal.content.batches} of ${batches} batches found`);
  const bytes = process.resourceUsage().maxRSS * 1024 - before;
  const count = Math.min(batches, MAX_LOOKED_UP);
  for (let batch = 0; batch < count; batch++) {
    if (!(await journal.models.find(batch, TOKENS, 'here'))) throw new Error(`batch ${batch} is not found`);
  }
  const lookUpMicroseconds = ((performance.now() - opened) * 1000) / count;
  await journal.close();
  const openSeconds = (opened - start) / 1000;
  return { openSeconds, lookUpMicroseconds, bytes, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

const { values } = parseArgs({
  options: {
    batches: { type: 'string', default: '1000000' },
    folder: { type: 'string', default: tmpdir() },
    out: { type: 'string' },
    /** In the child process: the journal. */
    measure: { type: 'string' },
  },
});

if (values.measure !== undefined) {
  console.log(JSON.stringify(await measure(values.measure, Number(values.batches))));
} else {
  const folder = mkdtempSync(join(values.folder, 'virnucpro-resumed-'));
  try {
    /** @type {(Measured & { batches: number, journalBytes: number })[]} */
    const rows = [];
    for (const batches of values.batches.split(',').map(Number)) {
      const path = join(folder, 'journal');
      await writeJournal(path, batches);
      const words = [fileURLToPath(import.meta.url), '--measure', path, '--batches', String(batches)];
      const { stdout } = await promisify(execFile)(process.execPath, words);
      rows.push({ batches, journalBytes: statSync(path).size, .../** @type {Measured} */ (JSON.parse(stdout)) });
    }
    await report(rows);
    const isTooMuch = rows.some(({ batches, bytes }) => bytes > MAX_GARBAGE + batches * MAX_BYTES_A_BATCH);
    if (isTooMuch) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {readonly (Measured & { batches: number, journalBytes: number })[]} rows */
async function report(rows) {
  const cores = cpus();
  const machine = {
    machine: `${cores[0]?.model.trim()}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    software: `Node ${process.versions.node}`,
  };
  /** @param {number} bytes */
  const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const table = markdownTable(
    ['batches', 'journal', 'opening', 'memory for it', 'bytes a batch', 'peak of the process', 'a batch looked up'],
    rows.map(({ batches, journalBytes, openSeconds, bytes, peakBytes, lookUpMicroseconds }) => [
      ...[batches, mib(journalBytes), `${openSeconds.toFixed(1)} s`, mib(bytes), (bytes / batches).toFixed(0)],
      ...[mib(peakBytes), `${lookUpMicroseconds.toFixed(0)} µs`],
    ]),
  );
  const markdown = `# A long journal\n\n${markdownList(machine)}\n\n${table}\n`;
  console.log(markdown);
  const day = today();
  if (values.out !== undefined) await writeResults(values.out, `${day}-resumed-journal`, { machine, rows }, markdown);
}
