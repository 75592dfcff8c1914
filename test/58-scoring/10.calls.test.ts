import assert from 'node:assert/strict';
import fc from 'fast-check';
import { contigVerdict, isVirusInClassicTool, windowCall } from '../../lib/scoring/calls.js';
import type { CallRule } from '../../lib/scoring/calls.js';
import { ContigTally } from '../../lib/scoring/contig-tally.js';
import { logOdds } from '../../lib/scoring/frame-scores.js';
import { decidingFrame } from '../../lib/scoring/window-result.js';
import type { FrameScore, WindowResult } from '../../lib/scoring/results.js';
import { FRAME_NAMES, recordOf } from '../60-predict/records.js';

const RULE = { threshold: 0.5, minFraction: 0.5 };

/** The softmax of two logits in float32 arithmetic. */
function softmax(others: number, virus: number): { others: number; virus: number } {
  const f = Math.fround;
  const largest = Math.max(f(others), f(virus));
  const [one, two] = [f(Math.exp(f(f(others) - largest))), f(Math.exp(f(f(virus) - largest)))];
  const sum = f(one + two);
  return { others: f(one / sum), virus: f(two / sum) };
}

/** Logits whose scores are far apart, close together, and equal. */
const pair = fc
  .tuple(
    fc.float({ min: -20, max: 20, noNaN: true }),
    fc.constantFrom(0, 1e-8, 6e-8, 1.2e-7, 1e-3, 1, 30),
    fc.boolean(),
  )
  .map(([logit, gap, swap]) => (swap ? softmax(logit, logit + gap) : softmax(logit + gap, logit)));

const frames: fc.Arbitrary<FrameScore[]> = fc
  .tuple(fc.subarray([...FRAME_NAMES], { minLength: 1 }), fc.array(pair, { minLength: 6, maxLength: 6 }))
  .map(([names, pairs]) => names.map((frame, index) => ({ frame, ...pairs[index]! })));

function windowOf(status: WindowResult['status'], virus?: number): WindowResult {
  const best = virus === undefined ? undefined : { frame: 'F1' as const, others: 1 - virus, virus };
  const reason = status === 'failed' ? 'it broke' : '';
  const place = {
    kind: 'window' as const,
    record: undefined,
    index: 0,
    contig: 'c',
    source: 'x.fa',
    number: 1,
    start: 0,
    end: 9,
  };
  return {
    ...place,
    status,
    reason,
    frames: best ? [best] : [],
    ...(best && { decidingFrame: best, virusScore: best.virus }),
    model: best ? 'a model' : '',
  };
}

function called(window: WindowResult, rule: CallRule): WindowResult {
  return window.virusScore === undefined ? window : { ...window, call: windowCall(window.virusScore, rule) };
}

describe('the deciding frame', () => {
  it('says virus exactly when the classic rule does', () =>
    fc.assert(
      fc.property(frames, (scores) => {
        const classic =
          Math.max(...scores.map(({ virus }) => virus)) >= Math.max(...scores.map(({ others }) => others));
        const best = decidingFrame(scores)!;
        assert.equal(best.virus >= 0.5, classic);
        assert.equal(windowCall(best.virus, RULE) === 'virus', classic);
        const highestOf = (score: 'others' | 'virus'): number => Math.max(...scores.map((frame) => frame[score]));
        assert.equal(isVirusInClassicTool(highestOf('others'), highestOf('virus')), classic);
        assert.ok(scores.includes(best));
        const highest = Math.max(...scores.flatMap(({ others, virus }) => [others, virus]));
        assert.equal(Math.max(best.others, best.virus), highest);
      }),
      { numRuns: 2000 },
    ));

  it('is the first of equals, and none of none', () => {
    const score = { others: 0.25, virus: 0.75 };
    assert.equal(
      decidingFrame([
        { frame: 'F2', ...score },
        { frame: 'R1', ...score },
      ])?.frame,
      'F2',
    );
    assert.equal(decidingFrame([]), undefined);
  });

  it('is the viral one of a tie between the classes', () => {
    const frames: FrameScore[] = [
      { frame: 'F1', others: 0.75, virus: 0.25 },
      { frame: 'F2', others: 0.25, virus: 0.75 },
    ];
    assert.equal(decidingFrame(frames)?.frame, 'F2');
  });
});

describe('the verdict of a contig', () => {
  it('is virus from the asked fraction of the scored windows on', () => {
    assert.equal(contigVerdict(0, 0, RULE), 'none');
    assert.equal(contigVerdict(2, 1, RULE), 'virus');
    assert.equal(contigVerdict(3, 1, RULE), 'other');
    assert.equal(contigVerdict(3, 3, { ...RULE, minFraction: 1 }), 'virus');
    assert.equal(contigVerdict(3, 2, { ...RULE, minFraction: 1 }), 'other');
    assert.equal(contigVerdict(3, 0, { ...RULE, minFraction: 0 }), 'other', 'no virus without a viral window');
  });

  const windows = fc.array(
    fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }).map((virus) => windowOf('scored', virus)),
      fc.constantFrom(windowOf('no_frame'), windowOf('failed')),
    ),
    { maxLength: 12 },
  );

  it('comes with counts, means and maximum of the scored windows', () =>
    fc.assert(
      fc.property(windows, fc.double({ min: 0, max: 1, noNaN: true }), (all, threshold) => {
        const tally = new ContigTally();
        const rule = { threshold, minFraction: 0.5 };
        for (const window of all) tally.add(called(window, rule));
        const contig = tally.finish(recordOf('c one', 'ACGTACGTA'), rule);
        const scores = all.flatMap(({ decidingFrame }) => (decidingFrame ? [decidingFrame.virus] : []));
        const viral = scores.filter((score) => score >= threshold).length;
        const failed = all.filter(({ status }) => status === 'failed').length;
        assert.equal(contig.windows, all.length);
        assert.equal(contig.windowsScored, scores.length);
        assert.equal(contig.windowsVirus, viral);
        assert.equal(contig.verdict, contigVerdict(scores.length, viral, rule));
        assert.equal(contig.maxVirusScore, scores.length > 0 ? Math.max(...scores) : undefined);
        if (scores.length === 0) assert.ok(!('meanVirusScore' in contig) && !('meanLogOdds' in contig));
        else {
          const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
          assert.ok(Math.abs(contig.meanVirusScore! - mean) <= 1e-12);
          const odds = scores.reduce((sum, score) => sum + logOdds(score), 0) / scores.length;
          assert.ok(Math.abs(contig.meanLogOdds! - odds) <= 1e-12);
        }
        const done =
          failed === 0 ? (scores.length > 0 ? 'scored' : 'no_frame') : scores.length > 0 ? 'partial' : 'failed';
        assert.equal(contig.status, done);
        assert.equal(contig.reason === '', done === 'scored');
        if (failed > 0) assert.equal(contig.reason, `${failed} of ${all.length} windows failed: it broke`);
      }),
    ));

  it('has log odds that are those of the score, and finite for scores of 0 and 1', () => {
    assert.equal(logOdds(0.5), 0);
    assert.equal(logOdds(0.75), Math.log(3));
    assert.equal(logOdds(0), -logOdds(1));
    assert.equal(logOdds(1), Math.log(2 ** 24 - 1));
    fc.assert(
      fc.property(
        fc.float({ min: 0, max: 1, noNaN: true }),
        fc.float({ min: 0, max: 1, noNaN: true }),
        (one, other) => {
          assert.ok(one <= other ? logOdds(one) <= logOdds(other) : logOdds(one) >= logOdds(other));
        },
      ),
    );
  });

  it('is none for a record without letters, which says so', () => {
    const contig = new ContigTally().finish(recordOf('empty', ''), RULE);
    assert.deepEqual([contig.verdict, contig.status, contig.reason], ['none', 'empty', 'the record has no letters']);
  });
});
