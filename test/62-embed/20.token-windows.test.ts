import assert from 'node:assert/strict';
import fc from 'fast-check';
import { leastOverlap, startOf, windowsOf } from '../../lib/embed/token-windows.js';

const starts = (total: number, limit: number): number[] => {
  const windows = windowsOf(total, limit);
  return Array.from({ length: windows.count }, (_, window) => startOf(windows, window));
};

describe('the windows of a sequence', () => {
  it('are one for a sequence that the model reads at once', () => {
    for (const total of [1, 1021, 1022]) assert.deepEqual(windowsOf(total, 1022), { total, size: total, count: 1 });
    assert.deepEqual(starts(1022, 1022), [0]);
  });

  it('are evenly spaced, and overlap by 255 tokens at least where 1022 are read at once', () => {
    assert.equal(leastOverlap(1022), 255);
    assert.equal(leastOverlap(1998), 256);
    assert.deepEqual(starts(1023, 1022), [0, 1]);
    // The longest sequence of two windows, and the shortest of three.
    assert.deepEqual(starts(1789, 1022), [0, 767]);
    assert.deepEqual(starts(1790, 1022), [0, 384, 768]);
  });

  it('cover every token, with the least overlap, and are as few as possible', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 600 }), (total, limit) => {
        const { size, count } = windowsOf(total, limit);
        const all = starts(total, limit);
        assert.equal(all[0], 0);
        assert.equal(all.at(-1)! + size, total);
        assert.ok(size <= limit);
        const steps = all.slice(1).map((start, index) => start - all[index]!);
        for (const step of steps) {
          assert.ok(step >= 1 && size - step >= leastOverlap(limit), `a step of ${step}`);
        }
        assert.ok(count === 1 || Math.max(...steps) - Math.min(...steps) <= 1, 'evenly spaced');
        if (count > 1)
          assert.ok((count - 2) * (limit - leastOverlap(limit)) + limit < total, 'one window fewer is enough');
      }),
    );
  });

  it('are none of nothing', () => {
    for (const [total, limit] of [
      [0, 5],
      [5, 0],
      [NaN, 5],
    ] as const) {
      assert.throws(() => windowsOf(total, limit), { code: 'VNP_ARGUMENT' });
    }
  });
});
