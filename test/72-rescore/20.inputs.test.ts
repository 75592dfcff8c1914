import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '../70-output/results.js';
import { calledFiles, filesBelow, predictStored, rescoreIn } from './stored-run.js';
import type { StoredRun, WindowScores } from './stored-run.js';

const RULE = { threshold: 0.5, minFraction: 0.5 };
const STRICT = { threshold: 0.9, minFraction: 0.5 };
const LAX = { threshold: 0.1, minFraction: 0.5 };
const INPUTS = {
  'one.fa': '>a first\nACGTACGT\n>b\nAACCNGG\n>c\nacgtNN\n',
  'two.fa': `>long\n${'ACGTA'.repeat(13_000)}\n>d\nA\n`,
};
const SCORES: WindowScores[] = [[[0.05, 0.95]], [[0.4, 0.6]], [[0.8, 0.2]]];

describe('The sequences of a call', () => {
  const folder = temporaryFolder();
  const path = (...names: string[]): string => join(folder.path, ...names);
  const stored = (changes: Partial<StoredRun> = {}): StoredRun => ({
    ...{ folder: folder.path, inputs: INPUTS, scores: SCORES },
    ...changes,
  });
  /** The results by the rule that most tests begin with, and those that a call should produce. */
  const begin = async (wanted: typeof RULE, run = stored()): Promise<Record<string, string>> => {
    await predictStored(run, 'wanted', wanted);
    await predictStored(run, 'out', RULE);
    return calledFiles(folder.path, 'wanted');
  };
  const called = (): Record<string, string> => calledFiles(folder.path, 'out');

  /** Refuses, and leaves everything as it was. */
  const refuses = async (
    error: { code: string; message: RegExp },
    options: Parameters<typeof rescoreIn>[3] = {},
    rule = LAX,
  ): Promise<void> => {
    const before = filesBelow(path('out'));
    await assert.rejects(rescoreIn(stored(), 'out', rule, options), error);
    assert.deepEqual(filesBelow(path('out')), before);
  };

  it('are copied from the earlier ones when the rule is stricter: the inputs may be gone', async () => {
    const wanted = await begin(STRICT);
    for (const name of Object.keys(INPUTS)) rmSync(path(name));
    await rescoreIn(stored(), 'out', STRICT);
    assert.deepEqual(called(), wanted);
    await rescoreIn(stored(), 'out', { threshold: 1, minFraction: 1 });
    assert.equal(called()['virus.fna'], '');
  });

  it('are read from the inputs when a record becomes virus that was none', async () => {
    const wanted = await begin(LAX);
    await rescoreIn(stored(), 'out', LAX);
    assert.deepEqual(called(), wanted);
    assert.match(wanted['virus.fna']!, /^>c\nacgtNN\n/m);
  });

  it('are wanted from --input when the inputs are gone, before anything is changed', async () => {
    const wanted = await begin(LAX);
    mkdirSync(path('moved'));
    for (const name of Object.keys(INPUTS)) renameSync(path(name), path('moved', name));
    await refuses({
      code: 'VNP_INPUT_MISSING',
      message: /one\.fa cannot be read: nothing exists at that path.*--input/,
    });
    await rescoreIn(stored(), 'out', LAX, { inputs: [path('moved', 'one.fa'), path('moved', 'two.fa')] });
    assert.deepEqual(called(), wanted);
    await predictStored(stored(), 'out2', RULE);
    for (const name of Object.keys(INPUTS)) rmSync(path(name));
    await rescoreIn(stored(), 'out2', LAX, { inputs: [path('moved')] });
    assert.deepEqual(calledFiles(folder.path, 'out2'), wanted);
  });

  it('are read relative to the working directory of the run', async () => {
    const inputs = Object.keys(INPUTS);
    const wanted = await begin(LAX);
    const manifest = JSON.parse(readFileSync(path('out', 'run.json'), 'utf8')) as { inputs: { path: string }[] };
    manifest.inputs.forEach((input, index) => (input.path = inputs[index]!));
    writeFileSync(path('out', 'run.json'), JSON.stringify(manifest));
    await rescoreIn(stored(), 'out', LAX);
    assert.deepEqual(called(), wanted);
  });

  it('are refused from an input of another size, naming it as it is and as it was', async () => {
    await begin(LAX);
    writeFileSync(path('one.fa'), `${INPUTS['one.fa']}\n`);
    await refuses({
      code: 'VNP_RESUME',
      message: /Input .*one\.fa is not what it was in the run: it has 40 bytes instead of 39 bytes/,
    });
    renameSync(path('one.fa'), path('other.fa'));
    const inputs = [path('other.fa'), path('two.fa')];
    await refuses({ code: 'VNP_RESUME', message: /other\.fa is not what input .*one\.fa was in the run:/ }, { inputs });
  });

  it('are refused from an input of other content, by its hash or by the first record that is another', async () => {
    await begin(LAX);
    writeFileSync(path('two.fa'), INPUTS['two.fa'].replace('ACGTA', 'CCGTA'));
    await refuses({
      code: 'VNP_RESUME',
      message: /Input .*two\.fa .* SHA-256 [0-9a-f]{64} instead of SHA-256 [0-9a-f]{64}/,
    });
    writeFileSync(path('two.fa'), INPUTS['two.fa'].replace('>long', '>song'));
    await refuses({
      code: 'VNP_RESUME',
      message: /two\.fa .* "song" of 65000 letters as record 1 instead of "long" of 65000/,
    });
    const inputs = [path('two.fa'), path('one.fa')];
    await refuses({ code: 'VNP_RESUME', message: /two\.fa is not what input .*one\.fa was in the run/ }, { inputs });
  });

  it('are refused from more or fewer inputs than the run had', async () => {
    await begin(LAX);
    for (const count of [1, 3]) {
      const inputs = [path('one.fa'), path('two.fa'), path('two.fa')].slice(0, count);
      await refuses(
        { code: 'VNP_USAGE', message: new RegExp(`2 inputs as in the run .* received ${count}`) },
        { inputs },
      );
    }
  });

  it('are read from what is compressed or FASTQ as from FASTA, with records that are invalid among them', async () => {
    const inputs = {
      'one.fa.gz': gzipSync('>a\nACGTACGTACGT\n>strange\nAC\u0007GT\n>b\nACGT\n'),
      'two.fq': '@c first\nACGTACGT\n+\nIIIIIIII\n@d\nAC\n+\nII\n',
    };
    const run = stored({ inputs, scores: [[[0.8, 0.2]]] });
    const wanted = await begin(LAX, run);
    assert.match(wanted['contigs.tsv']!, /^strange\t.*\tnone\t0\t.*\tinvalid\t/m);
    assert.match(wanted['virus.fna']!, /^>c first\nACGTACGT\n/m);
    await rescoreIn(run, 'out', LAX);
    assert.deepEqual(called(), wanted);
  });

  it('of a run from standard input are wanted from --input, which may be standard input again', async () => {
    const run = stored({ inputs: { 'one.fa': INPUTS['one.fa'] } });
    const wanted = await begin(LAX, run);
    const manifest = JSON.parse(readFileSync(path('out', 'run.json'), 'utf8')) as { inputs: { path: string }[] };
    manifest.inputs[0]!.path = '-';
    writeFileSync(path('out', 'run.json'), JSON.stringify(manifest));
    await refuses({
      code: 'VNP_INPUT_MISSING',
      message: /virus\.fna cannot be written: the run read standard input, .*--input/,
    });
    const standardInput = Readable.from([Buffer.from(INPUTS['one.fa'])]);
    await rescoreIn(run, 'out', LAX, { inputs: ['-'], standardInput });
    assert.deepEqual(called(), wanted);
  });

  it('of a run that was stopped within an input are read from it as far as the results go', async () => {
    const run = stored({ stopAfter: 8 });
    const wanted = await begin(LAX, run);
    await rescoreIn(run, 'out', LAX);
    assert.deepEqual(called(), wanted);
    mkdirSync(path('moved'));
    for (const name of Object.keys(INPUTS)) renameSync(path(name), path('moved', name));
    for (const inputs of [[path('moved')], [path('moved', 'one.fa'), path('moved', 'two.fa')]]) {
      await predictStored(run, 'out2', RULE);
      for (const name of Object.keys(INPUTS)) rmSync(path(name));
      await rescoreIn(run, 'out2', LAX, { inputs });
      assert.deepEqual(calledFiles(folder.path, 'out2'), wanted);
      rmSync(path('out2'), { recursive: true });
    }
  });
});
