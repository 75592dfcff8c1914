import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { FRAME_NAMES } from '../../lib/windows/open-reading-frames.js';
import { temporaryFolder } from '../70-output/results.js';
import { fasta, rule, score } from './arbitrary-runs.js';
import { embeddedRun, OTHER_MODEL, otherClassifier, RUN_MODEL, scoreFiles, WIDTH } from './embedded-run.js';
import type { EmbeddedWindow } from './embedded-run.js';
import { filesBelow, predictStored, readRun, rescoreIn } from './stored-run.js';
import type { StoredRun } from './stored-run.js';

const RULE = { threshold: 0.5, minFraction: 0.5 };

/** Some of the six frames, in order. */
const frames = fc.subarray([...FRAME_NAMES]).chain((names) =>
  fc.tuple(
    ...names.map((frame) =>
      fc.record({
        frame: fc.constant(frame),
        embedding: fc.array(score, { minLength: WIDTH, maxLength: WIDTH }),
      }),
    ),
  ),
);
const embeddedWindow: fc.Arbitrary<EmbeddedWindow> = fc.oneof(
  {
    weight: 5,
    arbitrary: frames.map((some) => ({
      status: some.length > 0 ? ('scored' as const) : ('no_frame' as const),
      frames: some,
    })),
  },
  // The frames that did not fail have scores, but the window has none.
  { weight: 1, arbitrary: frames.map((some) => ({ status: 'failed' as const, frames: some.slice(1) })) },
);

describe('A call with another classifier', () => {
  const folder = temporaryFolder();
  const path = (...names: string[]): string => join(folder.path, ...names);

  const isLikePredict = async (
    run: Pick<StoredRun, 'folder' | 'inputs' | 'stopAfter'>,
    windows: readonly EmbeddedWindow[],
    first = RULE,
    second = RULE,
  ): Promise<void> => {
    const before = await predictStored(embeddedRun(run, windows), 'called', first);
    const wanted = await predictStored(embeddedRun(run, windows, OTHER_MODEL), 'wanted', second);
    const embeddings = readFileSync(path('called', 'embeddings.f32'));
    const manifest = await rescoreIn(run, 'called', second, { classifier: otherClassifier() });
    assert.deepEqual(scoreFiles(run.folder, 'called'), scoreFiles(run.folder, 'wanted'));
    assert.deepEqual(readFileSync(path('called', 'embeddings.f32')), embeddings);
    const { rescored, ...rest } = manifest;
    assert.deepEqual(rest, wanted);
    assert.deepEqual(readRun(run.folder, 'called'), manifest);
    const from = { ...first, model: 'tiny', classifier: 'tiny', temperature: 1 };
    assert.deepEqual(
      rescored?.map((entry) => entry.from),
      [from],
    );
    // And back again, to the earlier state.
    const back = await rescoreIn(run, 'called', first, { classifier: otherClassifier(RUN_MODEL) });
    assert.deepEqual({ ...back, rescored: undefined }, { ...before, rescored: undefined });
    assert.deepEqual(readdirSync(path('called')).sort(), readdirSync(path('wanted')).sort());
    for (const name of ['called', 'wanted']) rmSync(path(name), { recursive: true });
  };

  it('writes what predict with it would have written, whatever the frames, ids and thresholds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ fasta, more: fasta, windows: fc.array(embeddedWindow, { minLength: 1, maxLength: 20 }) }),
        rule,
        rule,
        ({ fasta, more, windows }, first, second) =>
          isLikePredict({ folder: folder.path, inputs: { 'one.fa': fasta, 'two.fa': more } }, windows, first, second),
      ),
      { numRuns: 15 },
    );
  });

  /** Frames of windows in a pattern that never repeats at a multiple of the frames classified at once. */
  const patterned = (count: number): EmbeddedWindow[] =>
    Array.from({ length: count }, (_, number) => {
      const names = FRAME_NAMES.filter((_, index) => (number * 7 + index * index * 3) % 5 < 3);
      const status = number % 11 === 3 ? 'failed' : names.length > 0 ? 'scored' : 'no_frame';
      const embedding = (index: number): number[] =>
        [5, 7, 11].map((step) => Math.fround(((number * step + index * 17) % 101) / 100));
      return { status, frames: names.map((frame, index) => ({ frame, embedding: embedding(index) })) };
    });

  it('keeps frames with their windows over the bounds of what is classified at once', async () => {
    const inputs = { 'input.fa': `>a\n${'ACGTA'.repeat(4000)}\n>a\n${'ACGTC'.repeat(3000)}\n>b\nACGT\n` };
    await isLikePredict({ folder: folder.path, inputs }, patterned(3501));
    const run = embeddedRun({ folder: folder.path, inputs }, patterned(3501));
    await predictStored(run, 'out', RULE);
    const classifier = otherClassifier();
    const { counts } = await rescoreIn(run, 'out', RULE, { classifier });
    assert.ok(classifier.calls.length >= 3, String(classifier.calls));
    assert.ok(classifier.calls.every((rows) => rows <= 4096));
    assert.equal(
      classifier.calls.reduce((sum, rows) => sum + rows, 0),
      counts.framesScored,
    );
  });

  const INPUTS = { 'input.fa': '>a\nACGTACGTACGTACGTACGTACGTA\n>a\nACGTACGTAC\n>empty\n>=b\nACGTACGTACGTacgtNNNN\n' };

  it('scores what a stopped run has, also the windows of the record that it did not come to the end of', async () => {
    for (let stopAfter = 0; stopAfter < 10; stopAfter++) {
      await isLikePredict({ folder: folder.path, inputs: INPUTS, stopAfter }, patterned(7));
    }
  });

  it('needs no classifier for what has no frames', () =>
    isLikePredict({ folder: folder.path, inputs: INPUTS }, [{ status: 'no_frame', frames: [] }]));

  it('says in the tables which model it is, and whether its weights are random', async () => {
    const run = embeddedRun({ folder: folder.path, inputs: INPUTS }, patterned(7));
    await predictStored(run, 'out', RULE);
    const comments = (): string[] =>
      ['contigs.tsv', 'windows.tsv'].map((name) => readFileSync(path('out', name), 'utf8').split('\n')[0]!);
    const before = comments();
    const { warnings } = await rescoreIn(run, 'out', RULE, { classifier: otherClassifier() });
    for (const comment of comments()) {
      assert.match(
        comment,
        / model=other_1\.2 window=10 .*min_fraction=0\.5 temperature=1\.37 card=\S+; random weights: not a prediction/,
      );
    }
    assert.deepEqual(warnings, ['random weights: not a prediction']);
    // A call without a model keeps what the last one with a model wrote.
    assert.equal((await rescoreIn(run, 'out', { threshold: 0.9, minFraction: 0.5 })).model.name, 'other_1.2');
    const back = await rescoreIn(run, 'out', RULE, { classifier: otherClassifier(RUN_MODEL) });
    assert.deepEqual([back.warnings, comments()], [[], before]);
    assert.deepEqual(
      back.rescored?.map(({ from: { model, classifier } }) => [model, classifier]),
      [
        ['tiny', 'tiny'],
        [undefined, undefined],
        ['other_1.2', 'cc'],
      ],
    );
  });

  it('writes into another directory all that depends on scores, and leaves the first as it is', async () => {
    const run = embeddedRun({ folder: folder.path, inputs: INPUTS }, patterned(7));
    await predictStored(run, 'out', RULE);
    await predictStored({ ...embeddedRun(run, patterned(7), OTHER_MODEL) }, 'wanted', RULE);
    const before = filesBelow(path('out'));
    const options = { classifier: otherClassifier(), output: path('elsewhere') };
    const { files } = await rescoreIn(run, 'out', RULE, options);
    assert.deepEqual(filesBelow(path('out')), before);
    const wanted = scoreFiles(folder.path, 'wanted');
    assert.deepEqual(scoreFiles(folder.path, 'elsewhere'), wanted);
    assert.deepEqual(files.map(({ name }) => name).sort(), Object.keys(wanted).sort());
    assert.deepEqual(readdirSync(path('elsewhere')).sort(), [...Object.keys(wanted), 'run.json'].sort());
    await assert.rejects(rescoreIn(run, 'elsewhere', RULE, { classifier: otherClassifier(RUN_MODEL) }), {
      code: 'VNP_OUTPUT',
      message:
        /embeddings\.f32 among its files\. These results were written by an earlier rescore: name the directory of the run/,
    });
  });
});
