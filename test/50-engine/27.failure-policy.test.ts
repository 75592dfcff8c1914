import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  afterFailure,
  BLAMES_TO_REMOVE,
  FailureStreak,
  mayBeLeftOut,
  UNSCORED_BATCHES_TO_STOP,
  whenPoolEnds,
} from '../../lib/engine/pool/failure-policy.js';
import type { FailedBatch } from '../../lib/engine/pool/failure-policy.js';

const first: FailedBatch = {
  code: 'VNP_NATIVE',
  frames: 8,
  wasRetried: false,
  hasOthers: true,
  isCancelled: false,
  isDeviceLost: false,
};
const again: FailedBatch = { ...first, wasRetried: true };
const cancelled: FailedBatch = { ...first, isCancelled: true };

describe('what follows the failure of a batch', () => {
  for (const [what, failed, batch, device] of [
    ['anything, at first, on one of several devices', first, 'retry', 'keep'],
    ['anything for the second time', again, 'split', 'keep'],
    ['anything on the only device', { ...first, hasOthers: false }, 'split', 'keep'],
    ['anything of one frame, for the second time', { ...again, frames: 1 }, 'fail', 'keep'],
    ['anything of one frame on the only device', { ...first, frames: 1, hasOthers: false }, 'fail', 'keep'],
    ['out of memory', { ...first, code: 'VNP_MEMORY' }, 'split', 'limit'],
    ['out of memory of one frame', { ...first, code: 'VNP_MEMORY', frames: 1 }, 'fail', 'keep'],
    ['a device that is lost', { ...again, code: 'VNP_DEVICE_LOST', frames: 1 }, 'requeue', 'remove'],
    ['anything on a device that was lost before', { ...again, frames: 1, isDeviceLost: true }, 'requeue', 'keep'],
    ['out of memory there', { ...first, code: 'VNP_MEMORY', isDeviceLost: true }, 'requeue', 'keep'],
    ['a batch that was cancelled', { ...cancelled, code: 'VNP_ABORTED' }, 'drop', 'keep'],
    ['one cancelled on a lost device', { ...cancelled, code: 'VNP_ABORTED', isDeviceLost: true }, 'drop', 'keep'],
    ['a batch that was taken back', { ...first, code: 'VNP_ABORTED' }, 'requeue', 'keep'],
    ['another failure of a batch that had begun when it was cancelled', cancelled, 'retry', 'keep'],
    ['a pool that was closed', { ...first, code: 'VNP_CLOSED' }, 'drop', 'keep'],
    ['one closed with a lost device', { ...again, code: 'VNP_CLOSED', isDeviceLost: true }, 'drop', 'keep'],
  ] as const) {
    it(`${what}: ${batch} the batch, ${device} the device`, () =>
      assert.deepEqual(afterFailure(failed), { batch, device }));
  }

  it('ends with a score for every sound frame and a reason for every other, after a bounded number of tries', () =>
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 40 }),
        (isSound, devices, room) => {
          const { scored, failed, tries } = settled(isSound, devices, room);
          assert.deepEqual([...scored, ...failed].sort(ascending), [...isSound.keys()]);
          assert.ok(scored.every((frame) => isSound[frame]) && failed.every((frame) => !isSound[frame]));
          // A batch has fewer than twice as many parts as frames, and every part is tried twice at most.
          assert.ok(tries < 4 * isSound.length, `${tries} tries`);
        },
      ),
    ));
});

const ascending = (one: number, other: number): number => one - other;

/** Applies the policy to one batch, on devices that fail on unsound frames and on too many frames. */
function settled(isSound: readonly boolean[], devices: number, room: number) {
  const scored: number[] = [];
  const failed: number[] = [];
  let tries = 0;
  const waiting = [{ frames: [...isSound.keys()], wasRetried: false }];
  for (let part = waiting.shift(); part; part = waiting.shift()) {
    const { frames, wasRetried } = part;
    tries++;
    const code = frames.length > room ? 'VNP_MEMORY' : 'VNP_NATIVE';
    if (frames.length <= room && frames.every((frame) => isSound[frame])) {
      scored.push(...frames);
      continue;
    }
    const { batch } = afterFailure({ ...first, code, frames: frames.length, wasRetried, hasOthers: devices > 1 });
    if (batch === 'retry') waiting.unshift({ frames, wasRetried: true });
    else if (batch === 'split') {
      const middle = Math.ceil(frames.length / 2);
      for (const half of [frames.slice(0, middle), frames.slice(middle)]) {
        waiting.push({ frames: half, wasRetried: false });
      }
    } else {
      assert.equal(batch, 'fail');
      failed.push(...frames);
    }
  }
  return { scored, failed, tries };
}

describe('what follows failure after failure', () => {
  const hasReached = (limit: number, ...failures: readonly boolean[]): boolean => {
    const streak = new FailureStreak(limit);
    for (const hasFailed of failures) streak.add(hasFailed);
    return streak.hasReachedLimit;
  };
  for (const [what, limit] of [
    ['a device leaves after three batches in a row which another one scored', BLAMES_TO_REMOVE],
    ['the run ends after three batches in a row without a single score', UNSCORED_BATCHES_TO_STOP],
  ] as const) {
    it(`is that ${what}`, () => {
      assert.equal(hasReached(limit, true, true), false);
      assert.equal(hasReached(limit, true, true, true), true);
      assert.equal(hasReached(limit, true, true, false, true, true), false);
    });
  }
});

describe('what follows the end of the pool', () => {
  it('is that waiting batches have failed, unless it was closed', () => {
    assert.equal(whenPoolEnds('VNP_DEVICE_LOST'), 'fail');
    assert.equal(whenPoolEnds('VNP_CLOSED'), 'drop');
  });
});

describe('what follows devices that do not open', () => {
  it('is that they are left out, unless what they failed with would be the same on every one', () => {
    assert.equal(
      mayBeLeftOut(['VNP_MEMORY', 'VNP_DEVICE', 'VNP_DEVICE_LOST', 'VNP_NATIVE', 'VNP_WRONG_NUMBERS']),
      true,
    );
    assert.equal(mayBeLeftOut(['VNP_MEMORY', 'VNP_MODEL_INVALID']), false);
  });
});
