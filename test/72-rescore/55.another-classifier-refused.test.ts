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
  /** Updates run.json to the file's current content. */
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
          `a ${part} part with the SHA-256 ${part === 'dna' ? 'aa' : 'bb'}, but the model else ` +
            'has one with ff\\. .*a model that shares those of tiny$',
        ),
        otherClassifier(model('else', { [part]: 'ff' })),
      ));
  }
  it('a model with windows of another length', () =>
    refuses(
      'VNP_RESUME',
      /The run used windows of 10 bases, but the model else has windows of 300\./,
      otherClassifier(model('else', { chunkSize: 300 })),
    ));
  it('a run.json that does not say which parts the model had', async () => {
    changeRun(({ model }) => ({ model: { ...model, parts: [] } }));
    await refuses('VNP_RESUME', /a dna part with the SHA-256 \(none\), but the model .* has one with aa/);
    changeRun(({ model }) => ({ model: { ...model, parts: 'none' } }));
    await refuses('VNP_OUTPUT', /it has no valid "model"/);
  });

  it('a run without embeddings, and says how to get them', async () => {
    rmSync(out(), { recursive: true });
    await predictStored({ ...run(), saveEmbeddings: false }, 'out', RULE);
    await refuses(
      'VNP_OUTPUT',
      /run\.json has no embeddings\.f32 among its files\. .* predict again with `embeddings: true`$/,
    );
  });
  it('embeddings of another width', () =>
    refuses('VNP_OUTPUT', /embeddings\.f32 has 96 bytes, as run\.json says, but 8 frames of 4 numbers need 128\./, {
      ...otherClassifier(),
      width: 4,
    }));
  it('embeddings that are gone, cut off or changed', async () => {
    const whole = readFileSync(out('embeddings.f32'));
    writeFileSync(out('embeddings.f32'), Buffer.concat([whole.subarray(0, -1), Buffer.of(1)]));
    await refuses('VNP_OUTPUT', /embeddings\.f32 has 96 bytes with the SHA-256 .*, but run\.json says 96 bytes with /);
    truncateSync(out('embeddings.f32'), 95);
    await refuses('VNP_OUTPUT', /embeddings\.f32 ends before the embeddings of 8 more frames\./);
    rmSync(out('embeddings.f32'));
    await refuses('VNP_OUTPUT', /embeddings\.f32 cannot be read: .*ENOENT/);
  });

  it('a changed prediction_results.txt', async () => {
    writeFileSync(
      out('prediction_results.txt'),
      readFileSync(out('prediction_results.txt'), 'utf8').replace('0.9', '0.8'),
    );
    await refuses('VNP_OUTPUT', /prediction_results\.txt has .*, but run\.json says /);
  });
  const damages: [what: string, from: string | RegExp, to: string, message: RegExp][] = [
    [
      'a frame of another window',
      'a_chunk_2F2',
      'a_chunk_3F2',
      /Line 4 .* "a_chunk_3F2" instead of .* window "a_chunk_2"/,
    ],
    ['a frame that is none', 'a_chunk_1R3', 'a_chunk_1R4', /Line 3 .* "a_chunk_1R4" instead of .* window "a_chunk_1"/],
    [
      'a frame twice',
      'a_chunk_1R3',
      'a_chunk_1F1',
      /Line 3 .* "a_chunk_1F1" instead of the next frame of the window "a_chunk_1"/,
    ],
    ['too few frames', /[^\n]*\n$/, '', /Line 8 .* is the last row, but the window "=c_chunk_3" has more frames/],
    ['too few cells', /\t0\.9\n/, '\n', /Line 2 of .*prediction_results\.txt has 3 cells instead of 4/],
    [
      'no header',
      /^[^\n]*\n/,
      '',
      /has no column Sequence_ID.*\. It should begin with a header with the columns Sequence_ID/,
    ],
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
    await refuses('VNP_OUTPUT', /Line 9 .* has "=c_chunk_.* a frame that belongs to no window in windows\.tsv/);
  });

  it('a classifier that gives no number, naming the frame', () =>
    refuses('VNP_NATIVE', /The classifier of other_1\.2 produced a non-finite score for the frame "a_chunk_1R3"\./, {
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
