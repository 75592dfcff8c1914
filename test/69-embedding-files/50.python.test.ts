import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NumpyArchive } from '../../lib/embedding-files/numpy-archive.js';
import { EMBEDDING_FORMATS } from '../../lib/embedding-files/formats.js';
import type { EmbeddingFileHeader, EmbeddingRow } from '../../lib/embedding-files/embedding-row.js';
import { VectorRows } from '../../lib/embedding-files/vector-table.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { HEADER, ODD_IDS, rowsFor, temporaryFolder, writeRows } from './sequences.js';

const HEADERS: Readonly<Record<string, EmbeddingFileHeader>> = {
  'pooled embeddings': HEADER,
  'pooled embeddings of several layers': { ...HEADER, layers: [0, 3, 6], pool: 'cls' },
  'embeddings of tokens': { ...HEADER, pool: 'tokens' },
  'embeddings of tokens of several layers': { ...HEADER, layers: [2, 6], pool: 'tokens' },
  'wide embeddings': { ...HEADER, width: 1280 },
};

const here = join(repositoryRoot, 'test', '69-embedding-files');

function python(interpreter: string, script: string, folder: string): Record<string, unknown> {
  const { status, stdout, stderr } = spawnSync(interpreter, [join(here, script), folder], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The interpreter that a script of ours prints, or why there is none. */
function interpreterFrom(...words: string[]): { path: string } | { problem: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: repositoryRoot, encoding: 'utf8' });
  const path = stdout.trim();
  if (status === 0 && path !== '') return { path };
  return { problem: stderr.trim().split('\n').slice(0, 3).join(' ') };
}

/** Writes every format, and what the scripts compare it with. */
async function writeAll(folder: string, header: EmbeddingFileHeader, ids: readonly string[]): Promise<void> {
  const rows = rowsFor(ids, header);
  for (const format of EMBEDDING_FORMATS) await writeRows(format, join(folder, `x.${format}`), header, rows);
  await writeRows('pt', join(folder, 'sequences'), header, rows);
  const keys = keysOf(rows, header);
  await writeWithZip64(join(folder, 'zip64.npz'), header, rows, keys);
  const { width, layers, pool } = header;
  const sequences = rows.map(({ id, length }) => [id, length]);
  const { model, part, precision } = header;
  const metadata = { model, part, layers, width, pool, precision };
  writeFileSync(
    join(folder, 'expected.json'),
    JSON.stringify({ width, layers, pool, rows: keys, sequences, metadata }),
  );
  const numbers = layers.flatMap((_, layer) => rows.map(({ states }) => Buffer.from(states[layer]!.buffer)));
  writeFileSync(join(folder, 'expected.f32'), Buffer.concat(numbers));
}

function keysOf(rows: readonly EmbeddingRow[], { pool, width }: EmbeddingFileHeader): (string | number)[][] {
  if (pool !== 'tokens') return rows.map(({ id, length }) => [id, length]);
  return rows.flatMap(({ id, states }, index) =>
    Array.from({ length: states[0]!.length / width }, (_, token) => [id, index + 1, token]),
  );
}

/** As if every entry were larger than 4 GiB. */
async function writeWithZip64(
  path: string,
  { layers, width, pool, model, part, precision }: EmbeddingFileHeader,
  rows: readonly EmbeddingRow[],
  keys: readonly (string | number)[][],
): Promise<void> {
  const names = pool === 'tokens' ? ['id', 'record', 'token'] : ['id', 'length'];
  const table = {
    keys: names.map((name, index) => ({ name, type: index === 0 ? ('text' as const) : ('integer' as const) })),
    vectors: layers.map((layer) => ({ name: layers.length === 1 ? 'embedding' : `layer_${layer}`, width })),
    metadata: { model, part, layers, width, pool, precision },
  };
  const file = new VectorRows(table, new NumpyArchive(table, path, path, { zip64From: 1 }));
  let row = 0;
  for (const { states } of rows) {
    for (let token = 0; token < states[0]!.length / width; token++) await file.append(keys[row++]!, states, token);
  }
  await file.close();
}

describe('Embeddings read in Python', function () {
  this.timeout(600_000);
  const folder = temporaryFolder();

  describe('by pyarrow, polars, DuckDB, numpy and h5py', () => {
    let interpreter = '';
    before(function () {
      const found = interpreterFrom(join('test', '69-embedding-files', 'environment.mjs'));
      if ('problem' in found) {
        skip(this, `needs Python 3.11 or later with pip, and the network once: ${found.problem}`);
      }
      interpreter = found.path;
    });

    for (const [name, header] of Object.entries(HEADERS)) {
      it(`have every bit and every id: ${name}`, async () => {
        await writeAll(folder.path, header, ODD_IDS);
        const seen = python(interpreter, 'read_embeddings.py', folder.path);
        assert.match(String(seen['parquet pyarrow']), /^(fixed_size_)?list<element: float/);
        assert.match(String(seen['parquet polars']), /^(List\(Float32\)|Array\(Float32)/);
        assert.equal(seen['parquet duckdb'], 'FLOAT[]');
        assert.match(String(seen['arrow pyarrow']), /^fixed_size_list<item: float/);
        assert.match(String(seen['arrow polars']), /^Array\(Float32/);
      });
    }

    it('have their types without any row', async () => {
      await writeAll(folder.path, HEADER, []);
      assert.equal(python(interpreter, 'read_embeddings.py', folder.path)['h5 h5py'], 'float32');
    });
  });

  describe('by torch', () => {
    let interpreter = '';
    before(function () {
      const given = process.env['VIRNUCPRO_TORCH_PYTHON'];
      const found = given ? { path: given } : interpreterFrom('bench/python/environment.mjs', '--existing');
      const next = '`node bench/python/environment.mjs` makes one (2.9 GB), or set $VIRNUCPRO_TORCH_PYTHON';
      if ('problem' in found) skip(this, `needs a Python with torch and numpy: ${next}`);
      interpreter = found.path;
    });

    for (const [name, header] of Object.entries(HEADERS)) {
      it(`have every bit and every label: ${name}`, async () => {
        await writeAll(folder.path, header, ODD_IDS);
        assert.equal(python(interpreter, 'read_torch.py', folder.path)['files'], ODD_IDS.length);
      });
    }
  });
});
