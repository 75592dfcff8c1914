/**
 * Verdicts for the records of a generator, written to a Parquet file, and a query over it by DuckDB:
 *
 *     node dist/examples/records-to-parquet.js verdicts.parquet
 *
 * Needs `npm install virnucpro hyparquet-writer @duckdb/node-api`.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { open } from 'virnucpro';

interface Sample {
  readonly id: string;
  readonly sequence: string;
  readonly site: string;
  readonly depth: number;
}

/** Stands for a database cursor or a message queue, and may be asynchronous. What a record carries comes back with it. */
function* samples(count: number): Generator<Sample> {
  for (let number = 0; number < count; number++) {
    const bases = Array.from({ length: 600 + 100 * number }, (_, at) => 'ACGT'[((at * at + 3 * number) % 11) % 4]!);
    yield { id: `contig_${number}`, sequence: bases.join(''), site: number % 2 ? 'lake' : 'soil', depth: 3 * number };
  }
}

async function* verdicts(records: Iterable<Sample>) {
  await using predictor = await open({ model: process.env['MODEL'] ?? 'virnucpro-mini' });
  for await (const result of predictor.predict(records)) {
    if (result.kind === 'window') continue;
    const { id, site, depth } = result.record;
    const { length, verdict, meanVirusScore } = result;
    yield { id, site, depth, length, verdict, score: meanVirusScore ?? null };
  }
}

const file = process.argv[2] ?? 'verdicts.parquet';
// Rows are taken as groups of them are written, so memory stays small however many records there are.
await parquetWriteRows({
  writer: fileWriter(file),
  rows: verdicts(samples(20)),
  columns: [
    { name: 'id', type: 'STRING' },
    { name: 'site', type: 'STRING' },
    { name: 'depth', type: 'INT32' },
    { name: 'length', type: 'INT32' },
    { name: 'verdict', type: 'STRING' },
    { name: 'score', type: 'DOUBLE' },
  ],
});

const database = await (await DuckDBInstance.create()).connect();
const answer = await database.runAndReadAll(
  'SELECT site, count(*)::INT AS contigs, sum(length)::INT AS bases FROM read_parquet($file) GROUP BY site ORDER BY site',
  { file },
);
for (const row of answer.getRowObjects()) console.log(JSON.stringify(row));
