import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import * as hdf5 from 'h5wasm/node';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import type { EmbeddingFileHeader, EmbeddingRow } from '../../lib/embedding-files/embedding-row.js';
import { CheckpointFile } from '../../lib/models/checkpoint/checkpoint-file.js';
import { ZipFile } from '../../lib/models/checkpoint/zip.js';
import { unescapeCell } from '../../lib/output/cell.js';
import { HEADER, ODD_IDS, rowsFor, temporaryFolder, writeRows } from './sequences.js';

interface ReadRow {
  readonly id: string;
  readonly length: number;
  readonly numbers: readonly number[];
}

/** As JavaScript sees them: all NaNs are the same. */
function seen({ id, length, states }: EmbeddingRow): ReadRow {
  return { id, length, numbers: [...states[0]!] };
}

async function fromParquet(path: string): Promise<ReadRow[]> {
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
  return rows.map(({ id, length, embedding }) => ({
    id: id as string,
    length: length as number,
    numbers: embedding as number[],
  }));
}

function fromArrow(path: string): ReadRow[] {
  return tableFromIPC(readFileSync(path))
    .toArray()
    .map((row: { id: string; length: number; embedding: Iterable<number> }) => ({
      id: row.id,
      length: row.length,
      numbers: [...row.embedding],
    }));
}

async function fromHdf5(path: string, { width }: EmbeddingFileHeader): Promise<ReadRow[]> {
  await hdf5.ready;
  const file = new hdf5.File(path, 'r');
  const column = (name: string): unknown => (file.get(name) as hdf5.Dataset).value;
  const ids = column('id') as string[];
  const lengths = column('length') as Int32Array;
  const numbers = column('embedding') as Float32Array;
  file.close();
  return ids.map((id, row) => ({
    id,
    length: lengths[row]!,
    numbers: [...numbers.subarray(row * width, (row + 1) * width)],
  }));
}

/** A .npy file's numbers, by the shape in its header. */
function fromNumpy(bytes: Buffer): { descr: string; shape: number[]; data: Buffer } {
  assert.equal(bytes.toString('latin1', 0, 8), '\x93NUMPY\x01\x00');
  const end = 10 + bytes.readUInt16LE(8);
  assert.equal(end % 64, 0);
  const header = bytes.toString('latin1', 10, end);
  const [, descr = '', sizes = ''] =
    /^\{'descr': '(.*)', 'fortran_order': False, 'shape': \((.*)\), \} *\n$/.exec(header) ?? [];
  return {
    descr,
    shape: sizes
      .split(',')
      .filter((size) => size.trim() !== '')
      .map(Number),
    data: bytes.subarray(end),
  };
}

function fromText(path: string): ReadRow[] {
  const [comment, header, ...lines] = readFileSync(path, 'utf8').split('\n');
  assert.match(
    comment!,
    /^# virnucpro=.*; model=esm2_t6_8M; part=protein; layers=6; width=5; pool=mean; precision=fp32$/,
  );
  assert.deepEqual(header!.split('\t').slice(0, 4), ['id', 'length', 'embedding_0', 'embedding_1']);
  assert.equal(lines.pop(), '');
  return lines.map((line) => {
    const [id = '', length, ...cells] = line.split('\t');
    const numbers = cells.map((cell) => (cell === 'nan' ? NaN : Number(cell.replace('inf', 'Infinity'))));
    return { id: unescapeCell(id), length: Number(length), numbers: numbers.map(Math.fround) };
  });
}

describe('Files of embeddings', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder.path, name);

  it('give back any ids and numbers, read by the libraries of Node', async () => {
    const rows = fc.array(
      fc.record({
        // Neither numpy nor HDF5 tells a text from one with zeros at its end.
        id: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...ODD_IDS)),
        length: fc.nat(),
        states: fc
          .array(fc.oneof(fc.float(), fc.constantFrom(-0, NaN, Infinity, 1e-45)), { minLength: 5, maxLength: 5 })
          .map((numbers) => [Float32Array.from(numbers)]),
      }),
      { maxLength: 8 },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(rows, async (some) => {
        run++;
        const wanted = some.map(seen);
        const file = (extension: string): string => path(`${run}.${extension}`);
        for (const format of ['parquet', 'arrow', 'tsv', 'h5'] as const) {
          await writeRows(format, file(format), HEADER, some);
        }
        assert.deepEqual(await fromParquet(file('parquet')), wanted, 'parquet');
        assert.deepEqual(fromArrow(file('arrow')), wanted, 'arrow');
        assert.deepEqual(fromText(file('tsv')), wanted, 'tsv');
        assert.deepEqual(await fromHdf5(file('h5'), HEADER), wanted, 'h5');
      }),
      { numRuns: 30 },
    );
  });

  it('have every bit as it was in .npy, .npz and .pt', async () => {
    const rows = rowsFor(ODD_IDS, HEADER);
    const bytes = Buffer.concat(rows.map(({ states }) => Buffer.from(states[0]!.buffer)));
    for (const format of ['npy', 'npz', 'pt'] as const) await writeRows(format, path(`x.${format}`), HEADER, rows);
    const array = fromNumpy(readFileSync(path('x.npy')));
    assert.deepEqual(
      { ...array, shape: array.shape },
      { descr: '<f4', shape: [rows.length, HEADER.width], data: bytes },
    );
    const entry = (file: string, name: string): Promise<Buffer> =>
      CheckpointFile.use(path(file), async (archive) => (await ZipFile.open(archive)).read(name, 1e6));
    assert.deepEqual(fromNumpy(await entry('x.npz', 'embedding.npy')).data, bytes);
    assert.deepEqual(await entry('x.pt', 'archive/data/1'), bytes);
  });

  it('have a row of the table beside .npy for each of its rows', async () => {
    await writeRows('npy', path('x.npy'), HEADER, rowsFor(ODD_IDS, HEADER));
    const lines = readFileSync(path('x.ids.tsv'), 'utf8').trimEnd().split('\n').slice(2);
    assert.deepEqual(
      lines.map((line) => unescapeCell(line.split('\t')[0]!)),
      ODD_IDS,
    );
  });

  it('are searched by DuckDB for the nearest neighbour, as arrays of fixed size', async () => {
    const header = { ...HEADER, width: 3 };
    const rows = [
      { id: 'a', length: 1, states: [Float32Array.of(1, 0, 0)] },
      { id: 'b', length: 2, states: [Float32Array.of(0.9, 0.1, 0)] },
      { id: 'c', length: 3, states: [Float32Array.of(0, 0, -1)] },
    ];
    await writeRows('parquet', path('x.parquet'), header, rows);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const answer = await duckdb.runAndReadAll(
      `SELECT id FROM '${path('x.parquet')}' WHERE id <> 'a' ` +
        'ORDER BY array_cosine_similarity(embedding::FLOAT[3], [1, 0, 0]::FLOAT[3]) DESC',
    );
    assert.deepEqual(answer.getRows(), [['b'], ['c']]);
    duckdb.closeSync();
  });

  it('have more than one row group or batch where there are many rows', async () => {
    const header = { ...HEADER, width: 256 };
    const rows = Array.from({ length: 20_000 }, (_, row) => ({
      id: `sequence ${row}`,
      length: row,
      states: [new Float32Array(256).fill(row)],
    }));
    await writeRows('parquet', path('x.parquet'), header, rows);
    const file = await asyncBufferFromFile(path('x.parquet'));
    const some = await parquetReadObjects({ file, rowStart: 16_380, rowEnd: 16_390 });
    assert.deepEqual(
      some.map(({ id, embedding }): unknown[] => [id, (embedding as number[])[255]]),
      rows.slice(16_380, 16_390).map(({ id, length }) => [id, length]),
    );
    await writeRows('arrow', path('x.arrow'), header, rows);
    const table = tableFromIPC(readFileSync(path('x.arrow')));
    assert.ok(table.batches.length > 1);
    assert.equal(table.get(19_999)!['id'], 'sequence 19999');
  });
});
