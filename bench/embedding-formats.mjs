// @ts-check
/**
 * How fast embeddings are written in each format, and how large the files are: `node bench/embedding-formats.mjs [rows]
 * [width]`. Each format has a process of its own. With --read, bench/embedding-formats.py then reads the Parquet and Arrow
 * files, and Parquet files of other layouts, by pyarrow, polars and DuckDB.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEmbeddingWriter } from '../dist/lib/embedding-files/embedding-writer.js';
import { EMBEDDING_FORMATS } from '../dist/lib/embedding-files/formats.js';
import { inRepository } from '../scripts/setup/repository.mjs';

const program = fileURLToPath(import.meta.url);
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const child = process.argv.includes('--child');

if (child) await write();
else all();

function all() {
  const [rows = '100000', width = '1280'] = words;
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-embedding-formats-'));
  try {
    console.log('| format | size / numbers | MB/s | peak MB |\n| --- | --- | --- | --- |');
    const targets = [...EMBEDDING_FORMATS.map((format) => [format, `x.${format}`, rows]), ['pt', 'folder', '5000']];
    for (const [format, name, count] of targets) {
      const some = format === 'tsv' ? '10000' : count;
      const path = join(folder, /** @type {string} */ (name));
      const { stdout, stderr } = spawnSync(
        process.execPath,
        [program, '--child', format, path, some, width].map(String),
        {
          encoding: 'utf8',
        },
      );
      process.stdout.write(stdout || stderr);
    }
    if (process.argv.includes('--read')) read(folder, width);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} folder @param {string} width */
function read(folder, width) {
  const environment = inRepository('test', '69-embedding-files', 'environment.mjs');
  const python = spawnSync(process.execPath, [environment], { encoding: 'utf8' }).stdout.trim();
  spawnSync(python, [inRepository('bench', 'embedding-formats.py'), folder, width], { stdio: 'inherit' });
}

async function write() {
  const [format, path, rowsText, widthText] = /** @type {[any, string, string, string]} */ (
    /** @type {unknown} */ (words)
  );
  const [rows, width] = [Number(rowsText), Number(widthText)];
  // As different as embeddings are: what compresses them must not find a row again.
  const vectors = Array.from({ length: 1009 }, () => Float32Array.from({ length: width }, normal));
  const header = { model: 'none', part: /** @type {const} */ ('protein'), layers: [1], width, precision: 'fp32' };
  const writer = await createEmbeddingWriter(format, path, { ...header, pool: 'mean' });
  const start = performance.now();
  for (let row = 0; row < rows; row++) {
    const state = /** @type {Float32Array} */ (vectors[row % vectors.length]);
    const room = writer.write({ id: `sequence_${row}`, length: 300, states: [state] });
    if (room !== undefined) await room;
  }
  await writer.close();
  const seconds = (performance.now() - start) / 1000;
  const bytes = rows * width * Float32Array.BYTES_PER_ELEMENT;
  const isFolder = statSync(path).isDirectory();
  const size = isFolder
    ? readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
    : statSync(path).size;
  const name = isFolder ? `${format}, a folder` : format;
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(`| ${name} | ${(size / bytes).toFixed(3)} | ${Math.round(bytes / 1e6 / seconds)} | ${peak} |`);
}

/** Of the size that the numbers of embeddings have. */
function normal() {
  return 0.3 * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
