import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunManifest } from '../../lib/output/manifest.js';
import { temporaryFolder } from '../70-output/results.js';
import { embeddedRun, model, OTHER_MODEL, otherClassifier } from './embedded-run.js';
import type { EmbeddedWindow } from './embedded-run.js';
import { filesBelow, predictStored, readRun, rescoreIn } from './stored-run.js';

const RULE = { threshold: 0.5, minFraction: 0.5 };
const FASTA = '>a\nACGTACGTACGTACG\n>b\nACGT\n>=c\nACGTACGTACGTACGTACGTACGT\n';
const WINDOWS: EmbeddedWindow[] = [
  {
    status: 'scored',
    frames: [
      { frame: 'F1', embedding: [0.1, 0.9, 0.3] },
      { frame: 'R3', embedding: [0.2, 0.4, 0.6] },
    ],
  },
  { status: 'failed', frames: [{ frame: 'F2', embedding: [0.3, 0.6, 0.7] }] },
];

describe('A call with another classifier refuses', () => {
  const folder = temporaryFolder();
  const out = (...names: string[]): string => join(folder.path, 'out', ...names);
  const run = () => embeddedRun({ folder: folder.path, inputs: { 'input.fa': FASTA } }, WINDOWS);
  beforeEach(async () => {
    await predictStored(run(), 'out', RULE);
  });

  const refuses = async (code: string, message: RegExp, classifier = otherClassifier()): Promise<void> => {
    for (const options of [{ classifier }, { classifier, output: join(folder.path, 'elsewhere') }]) {
      const before = filesBelow(folder.path);
      await assert.rejects(rescoreIn(run(), 'out', RULE, options), { code, message });
      assert.deepEqual(filesBelow(folder.path), before, 'everything stays as it was');
    }
  };
  const changeRun = (fields: (run: RunManifest) => object): void => {
    const manifest = readRun(folder.path, 'out');
    writeFileSync(out('run.json'), JSON.stringify({ ...manifest, ...fields(manifest) }));
  };
  /** Makes run.json speak of the file as it is. */
  const know = (name: string): void => {
    const content = readFileSync(out(name));
    const sha256 = createHash('sha256').update(content).digest('hex');
    changeRun(({ files }) => ({
      files: files.map((file) => (file.name === name ? { name, bytes: content.length, sha256 } : file)),
    }));
  };
  const changeResults = (from: string | RegExp, to: string): void => {
    const text = readFileSync(out('prediction_results.txt'), 'utf8');
    assert.notEqual(text.replace(from, to), text, 'the test changes something');
    writeFileSync(out('prediction_results.txt'), text.replace(from, to));
    know('prediction_results.txt');
  };

  for (const part of ['dna', 'protein'] as const) {
    it(`a model with another ${part} part, and says which would do`, () =>
      refuses(
        'VNP_RESUME',
        new RegExp(
          `a ${part} part with the SHA-256 ${part === 'dna' ? 'aa' : 'bb'}, as in the run, for the model else ` +
            'but received ff\\. .*a model that shares those of tiny$',
        ),
        otherClassifier(model('else', { [part]: 'ff' })),
      ));
  }
  it('a model with windows of another length', () =>
    refuses(
      'VNP_RESUME',
      /windows of 10 bases, as in the run, for the model else but received windows of 300\./,
      otherClassifier(model('else', { chunkSize: 300 })),
    ));
  it('a run.json that does not say which parts the model had', async () => {
    changeRun(({ model }) => ({ model: { ...model, parts: [] } }));
    await refuses('VNP_RESUME', /a dna part with the SHA-256 \(none\), as in the run, .* received aa/);
    changeRun(({ model }) => ({ model: { ...model, parts: 'none' } }));
    await refuses('VNP_OUTPUT', /received no right "model"/);
  });

  it('a run without embeddings, and says how to get them', async () => {
    rmSync(out(), { recursive: true });
    await predictStored({ ...run(), saveEmbeddings: false }, 'out', RULE);
    await refuses('VNP_OUTPUT', /embeddings\.f32 for .*run\.json .* predict again with --save-embeddings$/);
  });
  it('embeddings of another width', () =>
    refuses('VNP_OUTPUT', /128 bytes, 8 frames of 4 numbers, for .*embeddings\.f32 but received 96 as run\.json says/, {
      ...otherClassifier(),
      width: 4,
    }));
  it('embeddings that are gone, cut off or changed', async () => {
    const whole = readFileSync(out('embeddings.f32'));
    writeFileSync(out('embeddings.f32'), Buffer.concat([whole.subarray(0, -1), Buffer.of(1)]));
    await refuses('VNP_OUTPUT', /96 bytes with the SHA-256 .*embeddings\.f32 but received 96 bytes with /);
    truncateSync(out('embeddings.f32'), 95);
    await refuses('VNP_OUTPUT', /an embedding for each of 8 more frames for .*embeddings\.f32 but received its end/);
    rmSync(out('embeddings.f32'));
    await refuses('VNP_OUTPUT', /readable embeddings .*embeddings\.f32.*ENOENT/);
  });

  it('a changed prediction_results.txt', async () => {
    writeFileSync(
      out('prediction_results.txt'),
      readFileSync(out('prediction_results.txt'), 'utf8').replace('0.9', '0.8'),
    );
    await refuses('VNP_OUTPUT', /as run\.json says, for .*prediction_results\.txt but received/);
  });
  const damages: [what: string, from: string | RegExp, to: string, message: RegExp][] = [
    ['a frame of another window', 'a_chunk_2F2', 'a_chunk_3F2', /window "a_chunk_2" for line 4 .* "a_chunk_3F2"/],
    ['a frame that is none', 'a_chunk_1R3', 'a_chunk_1R4', /window "a_chunk_1" for line 3 .* "a_chunk_1R4"/],
    ['a frame twice', 'a_chunk_1R3', 'a_chunk_1F1', /next frame of the window "a_chunk_1" for line 3 .* "a_chunk_1F1"/],
    ['too few frames', /[^\n]*\n$/, '', /a frame more of the window "=c_chunk_3" for line 8 .* the end of the table/],
    ['too few cells', /\t0\.9\n/, '\n', /4 cells for line 2 of .*prediction_results\.txt but received 3/],
    ['no header', /^[^\n]*\n/, '', /a header with the columns Sequence_ID.* but received none named Sequence_ID/],
  ];
  for (const [what, from, to, message] of damages) {
    it(`${what} in it, with its place`, async () => {
      changeResults(from, to);
      await refuses('VNP_OUTPUT', message);
    });
  }
  it('frames of no window', async () => {
    const text = readFileSync(out('windows.tsv'), 'utf8');
    writeFileSync(out('windows.tsv'), text.replace(/\t1\tfailed(.*)\n$/, '\t0\tfailed$1\n'));
    know('windows.tsv');
    assert.notEqual(readFileSync(out('windows.tsv'), 'utf8'), text);
    await refuses('VNP_OUTPUT', /no frame without a window in windows\.tsv for line 9 .* received "=c_chunk_/);
  });

  it('a classifier that gives no number, naming the frame', () =>
    refuses('VNP_NATIVE', /numbers from the classifier of other_1\.2 for the frame "a_chunk_1R3" but received none\./, {
      ...otherClassifier(),
      classify: () => Promise.resolve(Float32Array.of(0.1, 0.9, 0.5, NaN, 0, 1, 0, 1, 0, 1)),
    }));
  it('with the words of a classifier that fails', async () => {
    const failed = { code: 'VNP_MEMORY', message: 'out of it' };
    const classify = (): Promise<never> => Promise.reject(Object.assign(new Error(failed.message), failed));
    await refuses('VNP_MEMORY', /^out of it$/, { ...otherClassifier(OTHER_MODEL), classify });
  });
  it('to go on when it is stopped while it classifies', async () => {
    const ended = new AbortController();
    const { classify, ...rest } = otherClassifier();
    const classifier = {
      ...rest,
      classify: (embeddings: Float32Array) => {
        ended.abort('SIGTERM');
        return classify(embeddings);
      },
    };
    const before = filesBelow(folder.path);
    const options = { classifier, signal: ended.signal };
    await assert.rejects(rescoreIn(run(), 'out', RULE, options), (reason) => reason === 'SIGTERM');
    assert.deepEqual(filesBelow(folder.path), before);
  });
});
