import assert from 'node:assert/strict';
import fc from 'fast-check';
import { calibrateAll, calibrated } from '../../lib/scoring/frame-scores.js';

/** Rounding of a float32 softmax. */
const ROUNDING = 1e-6;

/** In float64, rounded like the classifier's. */
function softmax(others: number, virus: number, temperature = 1): [number, number] {
  const [one, two] = [Math.exp(others / temperature), Math.exp(virus / temperature)];
  return [Math.fround(one / (one + two)), Math.fround(two / (one + two))];
}

const logit = fc.double({ min: -20, max: 20, noNaN: true });
const temperature = fc.double({ min: 0.05, max: 20, noNaN: true });

describe('calibration', () => {
  it('gives the softmax of the logits divided by the temperature', () => {
    fc.assert(
      fc.property(logit, logit, fc.double({ min: 0.5, max: 10, noNaN: true }), (others, virus, divisor) => {
        const found = calibrated(...softmax(others, virus), divisor);
        softmax(others, virus, divisor).forEach((score, at) => assert.ok(Math.abs(found[at]! - score) <= ROUNDING));
      }),
    );
  });

  it('keeps the order of frames, and of classes but for a rounding, within 0 to 1', () => {
    fc.assert(
      fc.property(fc.tuple(logit, logit), fc.tuple(logit, logit), temperature, (first, second, divisor) => {
        const [one, other] = [softmax(...first), softmax(...second)];
        const [calibratedOne, calibratedOther] = [calibrated(...one, divisor), calibrated(...other, divisor)];
        // Checked for both scores, since near 0 and 1 one of the two has no digits left.
        if (one[1] >= other[1] && one[0] <= other[0]) assert.ok(calibratedOne[1] >= calibratedOther[1]);
        if (one[1] >= one[0]) assert.ok(calibratedOne[1] >= calibratedOne[0]);
        else assert.ok(calibratedOne[1] <= calibratedOne[0]);
        for (const score of calibratedOne) {
          assert.ok(score >= 0 && score <= 1);
          assert.equal(score, Math.fround(score));
        }
      }),
    );
  });

  it('leaves scores as they are at temperature 1, bit by bit', () => {
    fc.assert(
      fc.property(logit, logit, (others, virus) => {
        const scores = softmax(others, virus);
        assert.deepEqual([...calibrated(...scores, 1)], scores);
      }),
    );
  });

  it('gives a number for scores that are 0 or 1', () => {
    assert.deepEqual(calibrated(0, 1, 3), [0, 1]);
    assert.deepEqual(calibrated(1, 0, 3), [1, 0]);
    assert.deepEqual(calibrated(0.5, 0.5, 3), [0.5, 0.5]);
  });

  it('does the same for many frames', () => {
    const scores = Float32Array.of(0.25, 0.75, 1, 0);
    calibrateAll(scores, 2);
    assert.deepEqual([...scores], [...calibrated(0.25, 0.75, 2), 1, 0]);
  });
});
