import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunManifest } from '../../lib/output/manifest.js';
import { claimDirectory, releaseDirectory } from '../../lib/output/output-directory.js';
import { temporaryFolder } from '../70-output/results.js';
import { filesBelow, predictStored, readRun, rescoreIn } from './stored-run.js';
import type { StoredRun } from './stored-run.js';

const RULE = { threshold: 0.5, minFraction: 0.5 };
const OTHER_RULE = { threshold: 0.7, minFraction: 0.3 };
const FASTA = '>a\nACGTACGTACGTACG\n>b\nACGT\n>=c\nACGTACGTACGTACGTACGTACGT\n';

describe('A call refuses', () => {
  const folder = temporaryFolder();
  const out = (...names: string[]): string => join(folder.path, 'out', ...names);
  const stored = (): StoredRun => ({
    ...{ folder: folder.path, inputs: { 'input.fa': FASTA } },
    scores: [[[0.1, 0.9]], [[0.4, 0.6]], 'failed', [[0.9, 0.1]]],
  });
  beforeEach(async () => {
    await predictStored(stored(), 'out', RULE);
  });

  const refuses = async (message: RegExp, options: Parameters<typeof rescoreIn>[3] = {}): Promise<void> => {
    const before = filesBelow(folder.path);
    await assert.rejects(rescoreIn(stored(), 'out', OTHER_RULE, options), { code: 'VNP_OUTPUT', message });
    assert.deepEqual(filesBelow(folder.path), before, 'everything stays as it was');
  };
  /** Changes a file; run.json goes along where it shall look like the run's own. */
  const change = (name: string, from: string | RegExp, to: string, options = { isKnown: false }): void => {
    const text = readFileSync(out(name), 'utf8');
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, 'the test changes something');
    writeFileSync(out(name), changed);
    if (!options.isKnown) return;
    const sha256 = createHash('sha256').update(changed).digest('hex');
    changeRun(({ files }) => ({
      files: files.map((file) => (file.name === name ? { name, bytes: Buffer.byteLength(changed), sha256 } : file)),
    }));
  };
  const changeRun = (fields: (run: RunManifest) => object): void => {
    const run = readRun(folder.path, 'out');
    writeFileSync(out('run.json'), JSON.stringify({ ...run, ...fields(run) }));
  };

  it('a directory that does not exist, and makes none', async () => {
    rmSync(out(), { recursive: true });
    await refuses(/the directory of a finished run for .*out but received ENOENT/);
    assert.ok(!existsSync(out()));
  });
  it('a directory without results', async () => {
    rmSync(out(), { recursive: true });
    mkdirSync(out());
    writeFileSync(out('mine.txt'), 'mine');
    await refuses(/the results of a finished run .* received no run\.json\. Name a directory that predict/);
  });
  it('an unfinished run, with the way out', async () => {
    rmSync(out('run.json'));
    writeFileSync(out('.journal'), '');
    await refuses(/received an unfinished run\. Go on with it by predict --resume/);
  });
  it('a run.json that is none', async () => {
    writeFileSync(out('run.json'), '{"outcome":');
    await refuses(/description of a run .*run\.json but received/);
    writeFileSync(out('run.json'), '"text"');
    await refuses(/description of a run .*run\.json but received/);
  });
  it('a run.json of another format version', async () => {
    changeRun(() => ({ formatVersion: 2 }));
    await refuses(/format version 1 for .*run\.json but received version 2/);
  });
  for (const name of ['outcome', 'model', 'inputs', 'parameters', 'counts', 'files']) {
    it(`a run.json without ${name}`, async () => {
      changeRun(() => ({ [name]: undefined }));
      await refuses(new RegExp(`received no right "${name}"`));
    });
  }
  it('a run.json that names files elsewhere', async () => {
    changeRun(({ files }) => ({ files: [...files, { ...files[0]!, name: '../../mine' }] }));
    await refuses(/received no right "files"/);
  });

  for (const name of ['contigs.tsv', 'windows.tsv', 'virus.fna', 'prediction_results.txt']) {
    it(`a changed ${name}, and says which`, async () => {
      change(name, name === 'virus.fna' ? 'ACGTACG' : '0.9', name === 'virus.fna' ? 'CCGTACG' : '0.8');
      await refuses(
        new RegExp(`as run\\.json says, for .*${name.replace('.', '\\.')} but received .* The file was changed`),
      );
    });
    it(`results without ${name}`, async () => {
      rmSync(out(name));
      await refuses(new RegExp(`${name.replace('.', '\\.')}.*ENOENT`));
    });
  }
  it('a file of another length', async () => {
    change('prediction_results.txt', /$/, 'more\n');
    await refuses(/prediction_results\.txt but received \d+ bytes/);
  });

  it('embeddings of another length, but does not read terabytes for their hash', async () => {
    writeFileSync(out('embeddings.f32'), Buffer.alloc(8));
    const withEmbeddings = (bytes: number): void =>
      changeRun(({ files }) => ({
        files: [
          ...files.filter(({ name }) => name !== 'embeddings.f32'),
          { name: 'embeddings.f32', bytes, sha256: 'of other numbers' },
        ],
      }));
    withEmbeddings(12);
    await refuses(/12 bytes .*embeddings\.f32 but received 8 bytes/);
    withEmbeddings(8);
    const { files } = await rescoreIn(stored(), 'out', OTHER_RULE);
    assert.ok(files.some(({ name, sha256 }) => name === 'embeddings.f32' && sha256 === 'of other numbers'));
  });

  const damages: [what: string, name: string, from: string | RegExp, to: string, message: RegExp][] = [
    ['a row of too few cells', 'windows.tsv', 'a\t2\t', 'a\t', /14 cells for line 4 of .*windows\.tsv but received 13/],
    ['a window out of its order', 'windows.tsv', 'a\t2\t', 'a\t3\t', /window 2 of "a" for line 4 .*window "3" of "a"/],
    ['a window of another record', 'windows.tsv', 'a\t2\t', 'x\t2\t', /window 2 of "a" for line 4 .*window "2" of "x"/],
    ['a score that is no number', 'windows.tsv', '\t0.6\t', '\tnan\t', /virus_score .* line 4 .* received "nan"/],
    ['a score that none can be', 'windows.tsv', '\t0.6\t', '\t1.6\t', /virus_score .* line 4 .* received "1\.6"/],
    ['a last line without its end', 'windows.tsv', /\n$/, '', /a line end for line 8 of .*windows\.tsv/],
    [
      'windows of no record',
      'windows.tsv',
      /$/,
      `=d\t1${'\t'.repeat(12)}\n`,
      /in contigs\.tsv for line 9 .* one more of "=d"/,
    ],
    [
      'a missing window',
      'windows.tsv',
      /[^\n]*\n$/,
      '',
      /3 rows in windows\.tsv for line 5 of .*contigs\.tsv .* received 2/,
    ],
    [
      'a number of windows that is none',
      'contigs.tsv',
      'b\t4\t0\tother\t1\t',
      'b\t4\t0\tother\tx\t',
      /line 4 .* received "x"/,
    ],
    [
      'a wrong number of scores',
      'contigs.tsv',
      'b\t4\t0\tother\t1\t1',
      'b\t4\t0\tother\t1\t0',
      /1 scored windows.* line 4/,
    ],
    [
      'a length that is not that of the sequence',
      'contigs.tsv',
      'a\t15\t',
      'a\t150\t',
      /record 1 for .*virus\.fna but received its end/,
    ],
    [
      'a header without a column',
      'windows.tsv',
      'virus_score',
      'score',
      /columns .*windows\.tsv but received none named virus_score/,
    ],
    [
      'a comment without the threshold',
      'contigs.tsv',
      ' threshold=',
      ' limit=',
      /names the model, the threshold .*contigs\.tsv/,
    ],
    ['a table without its comment', 'contigs.tsv', /^#[^\n]*\n/, '', /a comment and a header .*contigs\.tsv/],
  ];
  for (const [what, name, from, to, message] of damages) {
    it(`${what}, with its place`, async () => {
      change(name, from, to, { isKnown: true });
      await refuses(message);
    });
  }
  it('tables from which a record is gone, windows and all', async () => {
    change('contigs.tsv', /^b\t.*\n/m, '', { isKnown: true });
    change('windows.tsv', /^b\t.*\n/m, '', { isKnown: true });
    await refuses(/records = 3, as run\.json says, .* received 2/);
  });

  it('a directory that another run writes to', async () => {
    const claimed = await claimDirectory(out(), { accepts: () => true });
    await refuses(/Another run writes to /);
    await releaseDirectory(claimed, { unused: false });
  });
  it('an output directory that holds something, with a way out that a call has', async () => {
    const output = join(folder.path, 'holds something');
    mkdirSync(output);
    writeFileSync(join(output, 'mine.txt'), 'mine');
    await refuses(/which holds mine\.txt\. Choose another directory$/, { output });
  });
  it('the directory of the results as that of the output, whatever it is called', async () => {
    symlinkSync(out(), join(folder.path, 'link'));
    for (const output of [out(), out('.'), join(folder.path, 'link')]) {
      await refuses(/another directory than that of the results .*\. Leave it out to have the results/, { output });
    }
  });
  it('to go on when it is stopped, and leaves all as it was', async () => {
    const before = filesBelow(folder.path);
    const options = { signal: AbortSignal.abort('SIGINT') };
    await assert.rejects(rescoreIn(stored(), 'out', OTHER_RULE, options), (reason) => reason === 'SIGINT');
    assert.deepEqual(filesBelow(folder.path), before);
  });
});
