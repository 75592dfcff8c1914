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
  /** Changes a file; if `isKnown`, run.json is changed with it, so that the file looks like the run's own. */
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
    await refuses(/out cannot be read: ENOENT/);
    assert.ok(!existsSync(out()));
  });
  it('a directory without results', async () => {
    rmSync(out(), { recursive: true });
    mkdirSync(out());
    writeFileSync(out('mine.txt'), 'mine');
    await refuses(
      /out does not hold the results of a finished run: it has no run\.json\. Name a directory that predict/,
    );
  });
  it('an unfinished run, with the way out', async () => {
    rmSync(out('run.json'));
    writeFileSync(out('.journal'), '');
    await refuses(/its run is unfinished\. Resume it with predict --resume/);
  });
  it('a run.json that is none', async () => {
    writeFileSync(out('run.json'), '{"outcome":');
    await refuses(/run\.json does not describe a run .*: /);
    writeFileSync(out('run.json'), '"text"');
    await refuses(/run\.json does not describe a run .*: /);
  });
  it('a run.json of another format version', async () => {
    changeRun(() => ({ formatVersion: 2 }));
    await refuses(/run\.json has format version 2, but this release reads version 1\./);
  });
  for (const name of ['outcome', 'model', 'inputs', 'parameters', 'counts', 'files']) {
    it(`a run.json without ${name}`, async () => {
      changeRun(() => ({ [name]: undefined }));
      await refuses(new RegExp(`it has no valid "${name}"`));
    });
  }
  it('a run.json that names files elsewhere', async () => {
    changeRun(({ files }) => ({ files: [...files, { ...files[0]!, name: '../../mine' }] }));
    await refuses(/it has no valid "files"/);
  });

  for (const name of ['contigs.tsv', 'windows.tsv', 'virus.fna', 'prediction_results.txt']) {
    it(`a changed ${name}, and says which`, async () => {
      change(name, name === 'virus.fna' ? 'ACGTACG' : '0.9', name === 'virus.fna' ? 'CCGTACG' : '0.8');
      await refuses(new RegExp(`${name.replace('.', '\\.')} has .* but run\\.json says .* The file was changed`));
    });
    it(`results without ${name}`, async () => {
      rmSync(out(name));
      await refuses(new RegExp(`${name.replace('.', '\\.')}.*ENOENT`));
    });
  }
  it('a file of another length', async () => {
    change('prediction_results.txt', /$/, 'more\n');
    await refuses(/prediction_results\.txt has \d+ bytes, but run\.json says \d+ bytes/);
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
    await refuses(/embeddings\.f32 has 8 bytes, but run\.json says 12 bytes/);
    withEmbeddings(8);
    const { files } = await rescoreIn(stored(), 'out', OTHER_RULE);
    assert.ok(files.some(({ name, sha256 }) => name === 'embeddings.f32' && sha256 === 'of other numbers'));
  });

  const damages: [what: string, name: string, from: string | RegExp, to: string, message: RegExp][] = [
    ['a row of too few cells', 'windows.tsv', 'a\t2\t', 'a\t', /Line 4 of .*windows\.tsv has 13 cells instead of 14/],
    [
      'a window out of its order',
      'windows.tsv',
      'a\t2\t',
      'a\t3\t',
      /Line 4 .* is window "3" of "a" instead of window 2 of "a"/,
    ],
    [
      'a window of another record',
      'windows.tsv',
      'a\t2\t',
      'x\t2\t',
      /Line 4 .* is window "2" of "x" instead of window 2 of "a"/,
    ],
    ['a score that is no number', 'windows.tsv', '\t0.6\t', '\tnan\t', /Line 4 .* has "nan" instead of a virus_score/],
    ['a score that none can be', 'windows.tsv', '\t0.6\t', '\t1.6\t', /Line 4 .* has "1\.6" instead of a virus_score/],
    ['a last line without its end', 'windows.tsv', /\n$/, '', /Line 8 of .*windows\.tsv ends without a line end/],
    [
      'windows of no record',
      'windows.tsv',
      /$/,
      `=d\t1${'\t'.repeat(12)}\n`,
      /Line 9 .* is a window of "=d" beyond the number in contigs\.tsv/,
    ],
    [
      'a missing window',
      'windows.tsv',
      /[^\n]*\n$/,
      '',
      /Line 5 of .*contigs\.tsv says 3 windows, but windows\.tsv has 2\./,
    ],
    [
      'a number of windows that is none',
      'contigs.tsv',
      'b\t4\t0\tother\t1\t',
      'b\t4\t0\tother\tx\t',
      /Line 4 .* has "x" instead of a number of windows/,
    ],
    [
      'a wrong number of scores',
      'contigs.tsv',
      'b\t4\t0\tother\t1\t1',
      'b\t4\t0\tother\t1\t0',
      /Line 4 .* says "0" scored windows, but windows\.tsv has 1\./,
    ],
    [
      'a length that is not that of the sequence',
      'contigs.tsv',
      'a\t15\t',
      'a\t150\t',
      /virus\.fna ends before the end of record 1\./,
    ],
    [
      'a header without a column',
      'windows.tsv',
      'virus_score',
      'score',
      /windows\.tsv has no column virus_score\. .* columns /,
    ],
    [
      'a comment without the threshold',
      'contigs.tsv',
      ' threshold=',
      ' limit=',
      /The comment of .*contigs\.tsv does not name the model, the threshold /,
    ],
    [
      'a table without its comment',
      'contigs.tsv',
      /^#[^\n]*\n/,
      '',
      /contigs\.tsv has no (comment|column)\b.* a comment and a header /,
    ],
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
    await refuses(/records = 2, but run\.json says 3/);
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
    await refuses(/is not empty: it holds mine\.txt\. Choose another directory$/, { output });
  });
  it('the directory of the results as that of the output, whatever it is called', async () => {
    symlinkSync(out(), join(folder.path, 'link'));
    for (const output of [out(), out('.'), join(folder.path, 'link')]) {
      await refuses(/a directory other than that of the results .*\. Omit it to rescore the results in place/, {
        output,
      });
    }
  });
  it('to go on when it is stopped, and leaves all as it was', async () => {
    const before = filesBelow(folder.path);
    const options = { signal: AbortSignal.abort('SIGINT') };
    await assert.rejects(rescoreIn(stored(), 'out', OTHER_RULE, options), (reason) => reason === 'SIGINT');
    assert.deepEqual(filesBelow(folder.path), before);
  });
});
