import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { temporaryFolder } from '../70-output/results.js';
import { fasta, NINE_TENTHS, rule, score } from './arbitrary-runs.js';
import { calledFiles, predictStored, readRun, rescoreIn } from './stored-run.js';
import type { StoredRun, WindowScores } from './stored-run.js';

const CLASSIC = { threshold: 0.5, minFraction: 0.5 };

const windowScores: fc.Arbitrary<WindowScores> = fc.oneof(
  { weight: 5, arbitrary: fc.array(fc.tuple(score, score), { minLength: 1, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom('failed' as const, 'no_frame' as const) },
);

describe('A call', () => {
  const folder = temporaryFolder();

  const isLikePredict = async (run: StoredRun, first: typeof CLASSIC, second: typeof CLASSIC): Promise<void> => {
    const before = await predictStored(run, 'called', first);
    const wanted = await predictStored(run, 'wanted', second);
    const classic = readFileSync(join(run.folder, 'called', 'prediction_results.txt'), 'utf8');
    const manifest = await rescoreIn(run, 'called', second);
    assert.deepEqual(calledFiles(run.folder, 'called'), calledFiles(run.folder, 'wanted'));
    assert.equal(readFileSync(join(run.folder, 'called', 'prediction_results.txt'), 'utf8'), classic);
    assert.deepEqual(readRun(run.folder, 'called'), manifest);
    assert.deepEqual(manifest.counts, wanted.counts);
    assert.deepEqual(manifest.files, wanted.files);
    assert.deepEqual(manifest.parameters, wanted.parameters);
    assert.equal(manifest.outcome, before.outcome);
    assert.deepEqual(readdirSync(join(run.folder, 'called')).sort(), readdirSync(join(run.folder, 'wanted')).sort());
    for (const name of ['called', 'wanted']) rmSync(join(run.folder, name), { recursive: true });
  };

  it('writes what predict would have written, whatever the scores, ids and thresholds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ fasta, more: fasta, scores: fc.array(windowScores, { minLength: 1, maxLength: 20 }) }),
        rule,
        rule,
        ({ fasta, more, scores }, first, second) =>
          isLikePredict({ folder: folder.path, inputs: { 'one.fa': fasta, 'two.fa': more }, scores }, first, second),
      ),
      { numRuns: 25 },
    );
  });

  const RECORDS = '>a of a test\nACGTACGTACGTACGTACGTACGTA\n>a\nACGTACGTAC\n>empty\n>=b\nACGTACGTACGTacgtNNNN\n';
  const SCORES: WindowScores[] = [[[0.1, NINE_TENTHS]], [[0.5, 0.5]], 'failed', 'no_frame', [[1, 0]], [[0, 1]]];
  const stored = (changes: Partial<StoredRun> = {}): StoredRun => ({
    ...{ folder: folder.path, inputs: { 'input.fa': RECORDS }, scores: SCORES },
    ...changes,
  });

  for (const threshold of [0, 0.5, NINE_TENTHS, 0.9, 0.90000005, 1]) {
    for (const minFraction of [0, 0.5, 1]) {
      it(`is what predict gives at the threshold ${threshold} and the share ${minFraction}`, () =>
        isLikePredict(stored(), CLASSIC, { threshold, minFraction }));
    }
  }

  it('tells scores on the threshold from those one step below it', async () => {
    // 0.9 as a float32 is less than the number 0.9, though its text is the same.
    const run = stored({ inputs: { 'input.fa': '>a\nACGT\n' }, scores: [[[0, NINE_TENTHS]]] });
    await predictStored(run, 'out', CLASSIC);
    await rescoreIn(run, 'out', { threshold: NINE_TENTHS, minFraction: 0.5 });
    assert.match(calledFiles(run.folder, 'out')['windows.tsv']!, /\t0\.9\tvirus\t/);
    await rescoreIn(run, 'out', { threshold: 0.9, minFraction: 0.5 });
    assert.match(calledFiles(run.folder, 'out')['windows.tsv']!, /\t0\.9\tother\t/);
  });

  it('calls the tables of early versions, which do not say source and record, and leaves their columns', async () => {
    const early = (name: string): { text: string; columns: string[] } => {
      const path = join(folder.path, name);
      const [comment, ...rows] = readFileSync(path, 'utf8').trimEnd().split('\n');
      const columns = rows[0]!.split('\t');
      const kept = columns.flatMap((column, at) =>
        column === 'record' || (column === 'source' && name.endsWith('windows.tsv')) ? [] : [at],
      );
      const cut = rows.map((row) => kept.map((at) => row.split('\t')[at]).join('\t'));
      return { text: [comment, ...cut, ''].join('\n'), columns: kept.map((at) => columns[at]!) };
    };
    const run = stored();
    const { files, ...manifest } = await predictStored(run, 'out', CLASSIC);
    const known = files.map((file) => {
      if (!['contigs.tsv', 'windows.tsv'].includes(file.name)) return file;
      const { text } = early(join('out', file.name));
      writeFileSync(join(folder.path, 'out', file.name), text);
      return { ...file, bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };
    });
    writeFileSync(join(folder.path, 'out', 'run.json'), JSON.stringify({ ...manifest, files: known }));
    const rule = { threshold: 0.2, minFraction: 0.1 };
    await predictStored(run, 'wanted', rule);
    await rescoreIn(run, 'out', rule);
    for (const name of ['contigs.tsv', 'windows.tsv']) {
      const { text, columns } = early(join('wanted', name));
      assert.ok(!columns.includes('record'));
      assert.equal(calledFiles(run.folder, 'out')[name], text);
    }
  });

  it('keeps the warning of random weights', async () => {
    const run = stored({ random: true });
    await predictStored(run, 'out', CLASSIC);
    await rescoreIn(run, 'out', { threshold: 0.9, minFraction: 0.3 });
    for (const name of ['contigs.tsv', 'windows.tsv']) {
      const [comment] = calledFiles(run.folder, 'out')[name]!.split('\n');
      assert.match(comment!, / threshold=0\.9 min_fraction=0\.3; random weights: not a prediction/);
    }
    assert.deepEqual(readRun(run.folder, 'out').warnings, ['random weights: not a prediction']);
  });

  it('calls what a stopped run has, also the windows of the record that it did not come to the end of', async () => {
    for (const stopAfter of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      const run = stored({ stopAfter });
      await predictStored(run, 'out', { threshold: 0.95, minFraction: 0.5 });
      await predictStored(run, 'wanted', { threshold: 0.2, minFraction: 0.1 });
      const manifest = await rescoreIn(run, 'out', { threshold: 0.2, minFraction: 0.1 });
      assert.equal(manifest.outcome, 'stopped');
      assert.deepEqual(calledFiles(run.folder, 'out'), calledFiles(run.folder, 'wanted'), String(stopAfter));
      for (const name of ['out', 'wanted']) rmSync(join(run.folder, name), { recursive: true });
    }
  });

  it('describes in run.json the files as they are and every call since the run, and nothing else anew', async () => {
    const run = stored();
    const before = await predictStored(run, 'out', CLASSIC);
    const commandLine = ['virnucpro', 'call', 'out', '--threshold', '0.9'];
    await rescoreIn(run, 'out', { threshold: 0.9, minFraction: 0.3 }, { commandLine });
    const manifest = await rescoreIn(run, 'out', { threshold: 0.2, minFraction: 0.1 }, { version: '9.9.9' });
    for (const { name, bytes, sha256 } of manifest.files) {
      const content = readFileSync(join(run.folder, 'out', name));
      assert.deepEqual([bytes, sha256], [content.length, createHash('sha256').update(content).digest('hex')], name);
    }
    const { parameters, counts, files, rescored, ...same } = manifest;
    const { parameters: _p, counts: _c, files: _f, ...sameBefore } = before;
    assert.deepEqual(same, sameBefore);
    assert.deepEqual(parameters, { ...before.parameters, threshold: 0.2, minFraction: 0.1 });
    assert.equal(counts.contigsVirus + counts.contigsOther + counts.contigsNone, counts.records);
    assert.deepEqual(
      files.map(({ name }) => name),
      before.files.map(({ name }) => name),
    );
    assert.deepEqual(
      rescored?.map(({ from, version, commandLine: [, , , ...args] }) => ({ from, version, args })),
      [
        { from: CLASSIC, version: '0.1.0', args: ['--threshold', '0.9'] },
        { from: { threshold: 0.9, minFraction: 0.3 }, version: '9.9.9', args: [] },
      ],
    );
    for (const { at } of rescored) assert.ok(!Number.isNaN(Date.parse(at)));
  });

  it('writes into another directory and leaves the first as it is, when asked to', async () => {
    const run = stored();
    await predictStored(run, 'out', CLASSIC);
    const before = [calledFiles(run.folder, 'out'), readRun(run.folder, 'out')];
    const rule = { threshold: 0.2, minFraction: 0.1 };
    const manifest = await rescoreIn(run, 'out', rule, { output: join(run.folder, 'deep', 'er') });
    assert.deepEqual([calledFiles(run.folder, 'out'), readRun(run.folder, 'out')], before);
    await predictStored(run, 'wanted', rule);
    assert.deepEqual(calledFiles(run.folder, join('deep', 'er')), calledFiles(run.folder, 'wanted'));
    const names = ['contigs.tsv', 'virus.fna', 'windows.tsv'];
    assert.deepEqual(manifest.files.map(({ name }) => name).sort(), names);
    assert.deepEqual(readdirSync(join(run.folder, 'deep', 'er')).sort(), [
      'contigs.tsv',
      'run.json',
      ...names.slice(1),
    ]);
    await rescoreIn(run, join('deep', 'er'), CLASSIC);
    assert.deepEqual(calledFiles(run.folder, join('deep', 'er')), before[0]);
  });
});
