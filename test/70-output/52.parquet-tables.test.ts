import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { unescapeCell } from '../../lib/output/cell.js';
import { CONTIGS_TABLE, TABLES, WINDOWS_TABLE } from '../../lib/output/files.js';
import type { OutputFile } from '../../lib/output/files.js';
import type { FrameScore, StoredResult } from '../../lib/scoring/results.js';
import { contigResult, optionsIn, rowsOf, temporaryFolder, windowResult, writeRun } from './results.js';

const NAMES = TABLES.parquet.map(({ name }) => name);

describe('The tables in Parquet', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder.path, 'out', name);

  async function write(results: readonly StoredResult[], tables: 'tsv' | 'parquet'): Promise<void> {
    await writeRun(optionsIn(folder.path, { force: true, tables }), results);
  }
  async function parquetRows(name: string): Promise<Record<string, unknown>[]> {
    return parquetReadObjects({ file: await asyncBufferFromFile(path(name)) });
  }
  /** What a row of the table in TSV says, with the types of Parquet. */
  function typed({ columns }: OutputFile, cells: readonly string[]): Record<string, unknown> {
    const values = columns.map(({ name, type, isOptional }, index): [string, unknown] => {
      const cell = cells[index]!;
      if (cell === '' && isOptional) return [name, undefined];
      if (type === 'integer') return [name, BigInt(cell)];
      return [name, type === 'score' ? Math.fround(Number(cell)) : unescapeCell(cell)];
    });
    return Object.fromEntries(values.filter(([, value]) => value !== undefined));
  }
  const withoutNulls = (row: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined));

  it('replace those in TSV', async () => {
    await write([], 'tsv');
    await write([], 'parquet');
    const names = readdirSync(join(folder.path, 'out'));
    for (const name of NAMES) assert.ok(names.includes(name), name);
    for (const { name } of TABLES.tsv) assert.ok(!names.includes(name), name);
  });

  it('have the columns of those in TSV in their order, and their comment', async () => {
    await write([windowResult('a', 1), contigResult('a', 'ACGT', { windows: 1 })], 'parquet');
    for (const [name, table] of [
      ['contigs.parquet', CONTIGS_TABLE],
      ['windows.parquet', WINDOWS_TABLE],
    ] as const) {
      const { schema, key_value_metadata: texts } = await parquetMetadataAsync(await asyncBufferFromFile(path(name)));
      const found = schema.slice(1).map((element) => element.name);
      assert.deepEqual(
        found,
        table.columns.map((column) => column.name),
      );
      assert.match(texts?.find(({ key }) => key === 'virnucpro')?.value ?? '', /^virnucpro 0\.1\.0 model=tiny/);
    }
  });

  it('hold the values of those in TSV, whatever they are', async () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '-', "'", '\t', '=1', 'NA', '1'));
    const score = fc.float({ min: 0, max: 1, noNaN: true });
    const frames = fc.uniqueArray(fc.constantFrom('F1', 'F2', 'R3' as const), { maxLength: 3 });
    const record = fc.record({
      id: text,
      reason: text,
      source: text,
      model: text,
      score,
      frames,
      mean: fc.double({ min: -17, max: 17, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 6 }), async (records) => {
        const results = records.flatMap(({ id, reason, source, model, score, frames, mean }, index) => {
          const scored = frames.map((frame): FrameScore => ({ frame, others: Math.fround(1 - score), virus: score }));
          const status = scored.length > 0 ? ('scored' as const) : ('failed' as const);
          const means = scored.length > 0 ? { meanVirusScore: score, meanLogOdds: mean } : {};
          return [
            windowResult(id, 1, { status, reason, source, model, frames: scored, record: index }),
            contigResult(id, 'ACGT', { windows: 1, reason, source, status, record: index, ...means }),
          ] satisfies StoredResult[];
        });
        const read: Record<string, unknown>[][] = [];
        await write(results, 'parquet');
        for (const name of NAMES) read.push(await parquetRows(name));
        await write(results, 'tsv');
        for (const [index, table] of TABLES.tsv.entries()) {
          const rows = rowsOf(path(table.name)).map((cells) => typed(table, cells));
          assert.deepEqual(read[index]!.map(withoutNulls), rows, table.name);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('have as many row groups as they need', async () => {
    const count = 40_000;
    const results = Array.from({ length: count }, (_, index) => windowResult('a', index + 1));
    await write([...results, contigResult('a', 'ACGT', { windows: count })], 'parquet');
    const { row_groups: groups } = await parquetMetadataAsync(await asyncBufferFromFile(path('windows.parquet')));
    assert.ok(groups.length > 1);
    const rows = await parquetRows('windows.parquet');
    assert.deepEqual(
      rows.map(({ window }) => Number(window)),
      results.map(({ number }) => number),
    );
  });

  it('are queried by DuckDB without a word about their types', async () => {
    const scored: FrameScore = { frame: 'R3', others: 0.25, virus: 0.75 };
    const results = [
      windowResult('a', 1, { frames: [scored] }),
      windowResult('a', 2, { status: 'no_frame', model: '' }),
      contigResult('a', 'ACGT', { windows: 2, verdict: 'virus', meanVirusScore: 0.75 }),
    ];
    await write(results, 'parquet');
    const duckdb = await (await DuckDBInstance.create()).connect();
    const query =
      `SELECT contig, "window", strand, frame, virus_score, w.model, verdict, mean_virus_score ` +
      `FROM '${path('windows.parquet')}' w JOIN '${path('contigs.parquet')}' USING (record, contig) ORDER BY "window"`;
    const answer = await duckdb.runAndReadAll(query);
    const types = answer.columnTypes().map(String);
    assert.deepEqual(types, ['VARCHAR', 'BIGINT', 'VARCHAR', 'BIGINT', 'FLOAT', 'VARCHAR', 'VARCHAR', 'FLOAT']);
    assert.deepEqual(answer.getRows(), [
      ['a', 1n, '-', 3n, 0.75, 'tiny', 'virus', 0.75],
      ['a', 2n, null, null, null, null, 'virus', 0.75],
    ]);
    duckdb.closeSync();
  });
});
