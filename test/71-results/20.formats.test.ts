import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { open, writeResults } from '../../lib/index.js';
import type { Predictor, RunManifest } from '../../lib/index.js';
import { failsWith, succeeds } from '../80-cli/command-line.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress'];

describe('the formats of results', () => {
  let installed: InstalledModel;
  let folder: string;
  let predictor: Predictor;
  const path = (...names: string[]): string => join(folder, ...names);
  const predict = (output: string, ...options: string[]) => {
    const words = ['predict', INPUT, '-o', path(output), '-m', 'golden', ...EXACT, ...options];
    return succeeds(words, { models: installed.models });
  };
  const manifest = (output: string): RunManifest =>
    JSON.parse(readFileSync(path(output, 'run.json'), 'utf8')) as RunManifest;

  before(async function () {
    this.timeout(300_000);
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-formats-'));
    predictor = await open({
      ...{ model: 'golden', models: installed.models },
      ...({ precision: 'fp32', devices: ['cpu'], threads: 1 } as const),
    });
    await predict('plain', '--save-embeddings');
    await predict('parquet', '--tables', 'parquet', '--embeddings-format', 'parquet');
  });
  after(async () => {
    await predictor.close();
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('of the embeddings: the numbers of embeddings.f32, each with its contig, window and frame', async () => {
    const bytes = readFileSync(path('plain', 'embeddings.f32'));
    const wanted = [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path('parquet', 'embeddings.parquet')) });
    assert.deepEqual(
      rows.flatMap(({ dna, protein }) => [...(dna as number[]), ...(protein as number[])]),
      wanted,
    );
    const [, ...lines] = readFileSync(path('plain', 'prediction_results.txt'), 'utf8').trimEnd().split('\n');
    assert.deepEqual(
      rows.map((row) => `${String(row['contig'])}_chunk_${String(row['window'])}${String(row['frame'])}`),
      lines.map((line) => line.split('\t')[0]),
    );
    assert.deepEqual(Object.keys(rows[0]!), ['contig', 'record', 'window', 'frame', 'dna', 'protein']);
  });

  it('of the command are in run.json, and those of a program, byte for byte', async () => {
    const { parameters, files } = manifest('parquet');
    assert.equal(parameters['tables'], 'parquet');
    assert.equal(parameters['embeddingsFormat'], 'parquet');
    assert.equal(parameters['saveEmbeddings'], true);
    const names = files.map(({ name }) => name);
    for (const name of ['contigs.parquet', 'windows.parquet', 'embeddings.parquet']) assert.ok(names.includes(name));
    for (const name of ['contigs.tsv', 'windows.tsv', 'embeddings.f32']) assert.ok(!names.includes(name));
    const formats = { tables: 'parquet', embeddingsFormat: 'parquet' } as const;
    await writeResults(predictor.predict(INPUT, { embeddings: true }), path('program'), formats);
    for (const name of names) {
      assert.ok(readFileSync(path('program', name)).equals(readFileSync(path('parquet', name))), name);
    }
  });

  it('decide whether a run is complete', async () => {
    const complete = ['--tables', 'parquet', '--embeddings-format', 'parquet', '--resume'];
    const { errors } = await predict('parquet', ...complete);
    assert.match(errors, /nothing to do/);
    const words = ['predict', INPUT, '-o', path('parquet'), '-m', 'golden', ...EXACT, '--resume'];
    await failsWith(/other options/, words, { models: installed.models });
  });

  it('but TSV are refused by call, and other embeddings than f32 by call --model', async () => {
    const before = readdirSync(path('parquet'));
    await failsWith(/The tables in .* are Parquet/, ['call', path('parquet'), '--threshold', '0.7']);
    assert.deepEqual(readdirSync(path('parquet')), before);
    await predict('npy', '--embeddings-format', 'npy');
    assert.ok(readdirSync(path('npy')).includes('embeddings.ids.tsv'));
    const next = /in the format npy: predict again with --save-embeddings alone/;
    await failsWith(next, ['call', path('npy'), '--model', 'golden'], { models: installed.models });
    await succeeds(['call', path('npy'), '--threshold', '0.7']);
    assert.ok(readdirSync(path('npy')).includes('embeddings.npy'));
  });

  it('are refused if there are none such', async () => {
    const write = (options: object, embeddings = true): Promise<unknown> =>
      writeResults(predictor.predict(INPUT, { embeddings }), path('none'), options);
    await assert.rejects(write({ tables: 'csv' }), { code: 'VNP_ARGUMENT', message: /one of tsv, parquet for tables/ });
    await assert.rejects(write({ embeddingsFormat: 'csv' }), { code: 'VNP_ARGUMENT', message: /one of f32, parquet/ });
    await assert.rejects(write({ embeddingsFormat: 'npy' }, false), {
      code: 'VNP_ARGUMENT',
      message: /the option embeddings/,
    });
  });
});
