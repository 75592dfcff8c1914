import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Architecture, ArchiveParameter } from '../../lib/engine/addon.js';
import { TOKENIZER_FILE } from '../../lib/models/folder/archive.js';
import { PROTEIN_TOKENS, PROTEIN_VOCABULARY } from '../../lib/models/tokenizers.js';
import { randomParameters, randomTokenizer } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { writeModel } from '../../lib/models/folder/write-model.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { tableRows } from '../table-rows.js';
import { virnucpro } from './command-line.js';

const EXACT = ['--model', 'overflowing', '--precision', 'fp32', '--device', 'cpu', '--threads', '1'];

const WIDTH = 8;

/** A tiny model, some of whose protein parameters are changed. */
async function install(
  models: string,
  name: string,
  change: (parameter: ArchiveParameter) => ArchiveParameter,
): Promise<void> {
  const sizes = { layers: 1, width: WIDTH, heads: 2, feedForward: 8 };
  const dna: Architecture = { family: 'dnabert2', ...sizes, vocabulary: 64, tokenTypes: 2, layerNormEpsilon: 1e-12 };
  const protein: Architecture = { family: 'esm2', ...sizes, vocabulary: PROTEIN_VOCABULARY };
  const classifier: Architecture = { family: 'classifier', inputs: 2 * WIDTH, hidden: 4, batchNormEpsilon: 1e-5 };
  const part = (architecture: Architecture) => ({
    architecture,
    parameters: randomParameters(architecture, 1).map(change),
    dtype: 'float32' as const,
    source: { name: 'a test', sha256: null },
  });
  const extraFiles = { [TOKENIZER_FILE]: randomTokenizer(64, 1) };
  const parts = { dna: { ...part(dna), extraFiles }, protein: part(protein), classifier: part(classifier) };
  const { addon } = loadAddon();
  await writeModel({ name, chunkSize: 60, random: true, parts }, { registry: new ModelRegistry(models), addon });
}

/** A model whose protein part overflows float32, so that no frame has a score. */
async function installOverflowing(models: string): Promise<void> {
  await install(models, 'overflowing', (parameter) =>
    parameter.name.startsWith('final_norm') ? { ...parameter, source: { kind: 'constant', value: 3e38 } } : parameter,
  );
}

/** A model with NaN for tryptophan (W): only frames that contain it have no score. */
async function installWithoutTryptophan(models: string): Promise<void> {
  const path = join(models, 'embedding.bin');
  const embedding = new Float32Array(PROTEIN_VOCABULARY * WIDTH).map((_, index) => Math.sin(index));
  embedding.fill(
    Infinity,
    PROTEIN_TOKENS['W'.charCodeAt(0)]! * WIDTH,
    (PROTEIN_TOKENS['W'.charCodeAt(0)]! + 1) * WIDTH,
  );
  writeFileSync(path, embedding);
  await install(models, 'without-tryptophan', (parameter) =>
    parameter.name === 'embed_tokens.weight'
      ? { ...parameter, source: { kind: 'file', path, offset: 0, dtype: 'float32', strides: [WIDTH, 1] } }
      : parameter,
  );
}

describe('virnucpro predict, when frames cannot be scored', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    await installOverflowing(folder);
    await installWithoutTryptophan(folder);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('does not call it a success', async () => {
    const input = join(folder, 'input.fa');
    const output = join(folder, 'output');
    writeFileSync(input, `>one\n${'ATGGCTGCTAAAGGTCTG'.repeat(5)}\n>none\nTAATAATAACTAACTAACTTAGTTAGTTAG\n`);
    const args = ['predict', input, '-o', output, ...EXACT];
    const { end, errors } = await virnucpro(args, { models: folder });
    assert.equal(end, 2, errors);
    // They are tried again, and fail again.
    assert.equal((await virnucpro([...args, '--resume'], { models: folder })).end, 2);
    assert.match(errors, /WARN: \d+ frames without a score: the model produced a non-finite score/);
    const windows = readFileSync(join(output, 'windows.tsv'), 'utf8').trimEnd().split('\n').slice(2);
    assert.ok(
      windows
        .filter((row) => row.startsWith('one\t'))
        .every((row) => /\tfailed\tframe [FR][123]: the model produced a non-finite score/.test(row)),
    );
    assert.deepEqual(
      tableRows(join(output, 'contigs.tsv')).map(({ verdict, status }) => [verdict, status]),
      [
        ['none', 'failed'],
        ['none', 'no_frame'],
      ],
    );
    const run = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as { outcome: string; warnings: string[] };
    assert.equal(run.outcome, 'partial');
    assert.equal(run.warnings.filter((warning) => warning.includes('the model produced a non-finite score')).length, 1);
    assert.match(
      readFileSync(join(output, 'failed_files.txt'), 'utf8'),
      new RegExp(`^${input}\\|ESM-2\\|the model produced a non-finite score[^\n]*\n$`),
    );
  });

  it('completes the rest, names what failed and ends with 2', async () => {
    const input = join(folder, 'some.fa');
    const output = join(folder, 'partial');
    // Only the first frame of the second record reads TGG, tryptophan; the other two records have it in no frame.
    const records = ['GCT', 'TGG', 'GCA'].map((codon) => `>all_${codon}\n${codon.repeat(20)}\n`);
    writeFileSync(input, records.join(''));
    const args = ['predict', input, '-o', output, ...EXACT.with(1, 'without-tryptophan')];
    const { end, errors } = await virnucpro(args, { models: folder });
    assert.equal(end, 2, errors);
    assert.match(
      errors,
      /WARN: 1 frame without a score: frame F1 of window 1 of all_TGG: the model produced a non-finite score/,
    );
    assert.equal(
      readFileSync(join(output, 'failed_files.txt'), 'utf8').replace(/;.*/, ''),
      `${input}|ESM-2|frame F1 of window 1 of all_TGG: the model produced a non-finite score\n`,
    );
    assert.deepEqual(
      tableRows(join(output, 'contigs.tsv')).map(({ status }) => status),
      ['scored', 'failed', 'scored'],
    );
    const frames = readFileSync(join(output, 'prediction_results.txt'), 'utf8').trimEnd().split('\n').slice(1);
    assert.equal(frames.length, 17);
    assert.ok(frames.every((row) => !row.startsWith('all_TGG_chunk_1F1\t')));
    const run = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest;
    assert.equal(run.outcome, 'partial');
  });

  it('gives up after three batches in a row without a score, and keeps what it has', async () => {
    const input = join(folder, 'many.fa');
    const output = join(folder, 'given-up');
    const records = Array.from({ length: 200 }, (_, index) => `>record_${index}\n${'ATGGCTGCTAAAGGTCTG'.repeat(3)}\n`);
    writeFileSync(input, `>none\nTAATAATAACTAACTAACTTAGTTAGTTAG\n${records.join('')}`);
    const args = ['predict', input, '-o', output, ...EXACT, '--esm-batch-size', '100', '--log-format', 'json'];
    const { end, errors } = await virnucpro(args, { models: folder });
    assert.equal(end, 1, errors);
    const last = JSON.parse(errors.trimEnd().split('\n').at(-1)!) as Record<string, unknown>;
    assert.deepEqual([last['event'], last['code']], ['aborted', 'VNP_SYSTEMIC']);
    assert.match(
      String(last['reason']),
      /3 batches in a row have no scores; the last one: .*the model produced a non-finite score/,
    );
    const run = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest;
    assert.equal(run.outcome, 'stopped');
    assert.ok(run.counts.windowsNoFrame === 1 && run.counts.windowsFailed > 0 && run.counts.windows < 100);
  });
});
