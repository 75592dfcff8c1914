import assert from 'node:assert/strict';
import type { FrameBatchTokens, OpenRequest } from '../../lib/engine/addon.js';
import type { BatchOutcome } from '../../lib/engine/pool/scoring-work.js';
import { codeOf, reasonOf, VirnucproError } from '../../lib/errors.js';
import type { PoolShare } from '../../lib/engine/pool/pool-share.js';
import type { ErrorCode } from '../../lib/errors.js';
import { FakeDevices, LIMIT, scoreOf } from './fake-devices.js';
import type { FrameKind } from './fake-devices.js';

/** Frames of ten protein tokens and two DNA tokens, the first of which is the mark. */
function batchOf(...marks: readonly number[]): FrameBatchTokens {
  const offsets = (tokens: number): Int32Array => Int32Array.from({ length: marks.length + 1 }, (_, i) => i * tokens);
  return {
    dna: { tokens: Int32Array.from(marks.flatMap((mark) => [mark, 1])), offsets: offsets(2) },
    protein: { tokens: new Int32Array(10 * marks.length).fill(5), offsets: offsets(10) },
  };
}
const BATCH = batchOf(1, 2);

async function outcomeOf(share: PoolShare, batch: FrameBatchTokens): Promise<BatchOutcome> {
  return (await share.submit(batch)).outcome;
}

/** The scores of a batch, and the failures of its frames by position. */
function told({ scores, failures }: BatchOutcome): { virus: number[]; failures: [number, number, string][] } {
  return {
    virus: [...scores].filter((_, index) => index % 2 === 1),
    failures: failures.map(({ first, last, error }) => [first, last, codeOf(error)]),
  };
}

const virusOf = (mark: number): number => scoreOf([mark, 1], new Array<number>(10).fill(5)).virus;
const throwing =
  (...marks: readonly number[]) =>
  (dna: ArrayLike<number>): FrameKind =>
    marks.includes(dna[0]!) ? 'throws' : 'sound';

describe('the pool of devices', () => {
  it('lets three batches at a time onto a device, and the next when one is done', async () => {
    const devices = new FakeDevices({ devices: 2, turns: [3, 1, 2] });
    const share = (await devices.openPool()).share();
    const outcomes = [];
    for (let batch = 0; batch < 40; batch++) outcomes.push((await share.submit(BATCH)).outcome);
    assert.equal((await Promise.all(outcomes)).length, 40);
    assert.equal(devices.mostRunning, 6);
    const { usage } = share;
    assert.equal(
      usage.reduce((sum, { batches }) => sum + batches, 0),
      40,
    );
    assert.ok(usage.every(({ batches }) => batches > 0));
  });

  it('takes submissions from several sides at once', async () => {
    const share = (await new FakeDevices({ devices: 1, turns: [2, 0, 1] }).openPool()).share();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(share, BATCH)));
    for (const outcome of outcomes) assert.deepEqual(told(outcome).virus, [virusOf(1), virusOf(2)]);
  });

  it('counts what each device did, from zero for each run', async () => {
    const pool = await new FakeDevices({ devices: 1, turns: [0], kindOf: throwing(9) }).openPool();
    const share = pool.share();
    const [usage] = share.usage;
    await outcomeOf(share, BATCH);
    await outcomeOf(share, batchOf(9));
    const { batches, frames, dnaTokens, proteinTokens, seconds, weightBytes } = usage!;
    assert.deepEqual(
      { batches, frames, dnaTokens, proteinTokens, weightBytes },
      {
        ...{ batches: 1, frames: 2, dnaTokens: 4, proteinTokens: 20, weightBytes: 1000 },
      },
    );
    assert.deepEqual(seconds, { dna: 1, protein: 2, classifier: 3 });
    share.close();
    const next = pool.share();
    await outcomeOf(next, BATCH);
    assert.deepEqual([next.usage[0]!.batches, usage!.batches], [1, 1], 'an earlier run keeps its counts');
  });

  describe('when a batch fails', () => {
    it('splits one that is too large until it fits, and tells what fits by then', async () => {
      const devices = new FakeDevices({ devices: 1, turns: [0], memory: 25 });
      const share = (await devices.openPool()).share();
      const marks = [1, 2, 3, 4, 5, 6, 7];
      const outcome = await outcomeOf(share, batchOf(...marks));
      assert.deepEqual(told(outcome), { virus: marks.map(virusOf), failures: [] });
      const splits = devices.events.map(({ event }) => event);
      assert.deepEqual(splits, ['batch-split', 'batch-split', 'batch-split']);
      // The next batch is no longer tried as a whole.
      assert.deepEqual(told(await outcomeOf(share, batchOf(...marks))).virus, marks.map(virusOf));
      assert.equal(devices.events.length, splits.length);
    });

    it('names a frame that does not fit alone, and scores the others', async () => {
      const devices = new FakeDevices({ devices: 2, turns: [0], memory: 15 });
      const share = (await devices.openPool()).share();
      const long = batchOf(1, 2, 3);
      // The second frame exceeds the memory.
      long.protein = { tokens: new Int32Array(40).fill(5), offsets: Int32Array.of(0, 10, 30, 40) };
      const { failures, scores } = await outcomeOf(share, long);
      assert.deepEqual(
        failures.map(({ first, last, error }) => [first, last, codeOf(error)]),
        [[1, 2, 'VNP_MEMORY']],
      );
      assert.deepEqual([scores[1], scores[3], scores[5]], [virusOf(1), NaN, virusOf(3)]);
    });

    it('tries it once on another device', async () => {
      const devices = new FakeDevices({ devices: 2, turns: [0], isBroken: [true, false] });
      const share = (await devices.openPool()).share();
      assert.deepEqual(told(await outcomeOf(share, BATCH)), { virus: [virusOf(1), virusOf(2)], failures: [] });
      assert.deepEqual(devices.events, [
        { event: 'batch-retried', device: 'fake:0', frames: 2, code: 'VNP_NATIVE', reason: 'nothing works here' },
      ]);
    });

    it('takes a device out on which batch after batch fails that others compute', async () => {
      const devices = new FakeDevices({ devices: 2, turns: [0], isBroken: [true, false] });
      const share = (await devices.openPool()).share();
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(share, BATCH)));
      assert.ok(outcomes.every(({ failures }) => failures.length === 0));
      const lost = devices.events.filter(({ event }) => event === 'device-lost');
      assert.deepEqual(lost, [
        {
          ...{ event: 'device-lost', device: 'fake:0', left: ['fake:1'] },
          reason: 'several batches in a row failed here but succeeded on another device',
        },
      ]);
      assert.ok(share.usage[0]!.lost !== undefined && share.usage[1]!.lost === undefined);
    });

    for (const count of [1, 2]) {
      it(`finds the frame that is at fault by halves, with ${count} of them`, async () => {
        const devices = new FakeDevices({ devices: count, turns: [0], kindOf: throwing(5) });
        const share = (await devices.openPool()).share();
        const marks = [1, 2, 3, 4, 5, 6, 7, 8];
        const outcome = told(await outcomeOf(share, batchOf(...marks)));
        assert.deepEqual(outcome.failures, [[4, 5, 'VNP_NATIVE']]);
        assert.deepEqual(
          outcome.virus,
          marks.map((mark) => (mark === 5 ? NaN : virusOf(mark))),
        );
        assert.equal(devices.events.filter(({ event }) => event === 'batch-split').length, 3);
      });
    }

    it('gives the work of a lost device to the others, as if nothing had happened', async () => {
      const devices = new FakeDevices({ devices: 3, turns: [1, 0, 2], lostAfter: [2, Infinity, 0] });
      const share = (await devices.openPool()).share();
      const outcomes = await Promise.all(
        Array.from({ length: 30 }, (_, index) => outcomeOf(share, batchOf(index, index + 1))),
      );
      outcomes.forEach((outcome, index) =>
        assert.deepEqual(told(outcome), { virus: [virusOf(index), virusOf(index + 1)], failures: [] }),
      );
      assert.deepEqual(devices.events.map(({ event, device }) => [event, device]).sort(), [
        ['device-lost', 'fake:0'],
        ['device-lost', 'fake:2'],
      ]);
    });

    it('with the last device lost fails what is on its way, and takes nothing more', async () => {
      const devices = new FakeDevices({ devices: 2, turns: [1], lostAfter: [3, 1] });
      const share = (await devices.openPool()).share();
      const outcomes: Promise<BatchOutcome>[] = [];
      await assert.rejects(
        async () => {
          for (;;) outcomes.push((await share.submit(BATCH)).outcome);
        },
        { name: 'VirnucproError', code: 'VNP_DEVICE_LOST' },
      );
      const all = (await Promise.all(outcomes)).map(told);
      assert.equal(all.filter(({ failures }) => failures.length === 0).length, 4);
      for (const { failures } of all.filter((one) => one.failures.length > 0)) {
        assert.deepEqual(failures, [[0, 2, 'VNP_DEVICE_LOST']]);
      }
      assert.equal(devices.running, 0);
    });
  });

  it('gives up what waits when it is cancelled, finishes what runs and works on', async () => {
    const devices = new FakeDevices({ devices: 1, turns: [5] });
    const share = (await devices.openPool()).share();
    const outcomes = [1, 2, 3, 4, 5].map((mark) => outcomeOf(share, batchOf(mark)));
    await new Promise((resolve) => setImmediate(resolve));
    share.cancel();
    const settled = await Promise.allSettled(outcomes);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected'],
    );
    for (const one of settled) assert.ok(one.status === 'fulfilled' || codeOf(one.reason) === 'VNP_ABORTED');
    assert.deepEqual(told(await outcomeOf(share, batchOf(6))).virus, [virusOf(6)]);
  });

  it('while it is paused finishes what runs, keeps the rest, and goes on afterwards', async () => {
    const devices = new FakeDevices({ devices: 2, turns: [3] });
    const share = (await devices.openPool()).share();
    const outcomes = Array.from({ length: 12 }, (_, mark) => outcomeOf(share, batchOf(mark)));
    await new Promise((resolve) => setImmediate(resolve));
    share.setPaused(true);
    await devices.idle();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual([devices.running, devices.scoredFrames], [0, 2], 'one on each device');
    share.setPaused(false);
    const all = await Promise.all(outcomes);
    assert.deepEqual(
      all.map((outcome) => told(outcome).virus),
      all.map((_, mark) => [virusOf(mark)]),
    );
    assert.equal(devices.scoredFrames, 12);
  });

  describe('after a run', () => {
    // By the fake, a batch takes 1 and 2 seconds: with this many tokens there is time to measure.
    const long: FrameBatchTokens = {
      dna: { tokens: new Int32Array(3000), offsets: Int32Array.of(0, 3000) },
      protein: { tokens: new Int32Array(5000), offsets: Int32Array.of(0, 5000) },
    };
    const runOn = async (devices: FakeDevices, batch = long, engine: OpenRequest['engine'] = 'packed') => {
      const pool = await devices.openPool(engine);
      const share = pool.share();
      await outcomeOf(share, batch);
      share.close();
      return { pool, usage: share.usage };
    };
    const oneDevice = () => new FakeDevices({ devices: 1, turns: [0] });

    it('knows the limit of a device that had work enough, until the next run', async () => {
      const { pool, usage } = await runOn(oneDevice());
      assert.equal(usage[0]!.limit, undefined);
      await pool.measureLimits();
      assert.deepEqual(usage[0]!.limit, { dna: LIMIT, protein: LIMIT });
      assert.equal(pool.share().usage[0]!.limit, undefined);
    });

    it('knows none of a device with too little work, or with the TorchScript engine', async () => {
      for (const { pool, usage } of [await runOn(oneDevice(), BATCH), await runOn(oneDevice(), long, 'torchscript')]) {
        await pool.measureLimits();
        assert.equal(usage[0]!.limit, undefined);
      }
    });

    it('says why a limit could not be measured', async () => {
      const devices = oneDevice();
      devices.limitFailure = Object.assign(new Error('no memory'), { code: 'VNP_MEMORY' });
      const { pool } = await runOn(devices);
      await assert.rejects(pool.measureLimits(), { name: 'VirnucproError', code: 'VNP_MEMORY' });
    });

    it('has measured the other devices by then', async () => {
      const devices = new FakeDevices({ devices: 2, turns: [0] });
      devices.limitFailure = new Error('no memory');
      const pool = await devices.openPool();
      const share = pool.share();
      const { usage } = share;
      const accepted = [await share.submit(long), await share.submit(long)];
      await Promise.all(accepted.map(({ outcome }) => outcome));
      share.close();
      await assert.rejects(pool.measureLimits(), /no memory/);
      assert.deepEqual(
        usage.map(({ limit }) => limit),
        [undefined, { dna: LIMIT, protein: LIMIT }],
      );
    });
  });

  it('closes what it opened when one device fails to open', async () => {
    const devices = new FakeDevices({ devices: 3, turns: [0] });
    await assert.rejects(devices.openPool('packed', 'fake:1'), (error) => {
      assert.ok(error instanceof VirnucproError && error.code === 'VNP_MEMORY');
      assert.match(reasonOf(error), /fake:1/);
      return true;
    });
    assert.deepEqual([devices.opened, devices.closed], [2, 2]);
  });

  describe('that may do without some of them', () => {
    const failing = (...codes: readonly ErrorCode[]) => new Map(codes.map((code, index) => [`fake:${index}`, code]));
    const mayLeaveOut = { mayLeaveOut: true };

    for (const code of ['VNP_DEVICE', 'VNP_DEVICE_LOST', 'VNP_MEMORY', 'VNP_NATIVE', 'VNP_WRONG_NUMBERS'] as const) {
      it(`leaves out one that fails to open with ${code}, says so, and goes on`, async () => {
        const devices = new FakeDevices({ devices: 3, turns: [0] });
        const pool = await devices.openPool('packed', failing(code), mayLeaveOut);
        const share = pool.share();
        const reason = `it did not open: Expected memory but fake:0 has none (${code})`;
        assert.deepEqual(devices.events, [{ event: 'device-left-out', device: 'fake:0', name: 'a fake', reason }]);
        assert.deepEqual(
          pool.descriptions.map(({ id }) => id),
          ['fake:1', 'fake:2'],
        );
        assert.deepEqual(told(await outcomeOf(share, BATCH)).virus, [virusOf(1), virusOf(2)]);
      });
    }

    it('ends with what would fail on every device', async () => {
      const devices = new FakeDevices({ devices: 3, turns: [0] });
      const opening = devices.openPool('packed', failing('VNP_MEMORY', 'VNP_MODEL_INVALID'), mayLeaveOut);
      await assert.rejects(opening, VirnucproError);
      assert.deepEqual([devices.opened, devices.closed, devices.events], [1, 1, []]);
    });

    it('ends where none is left, with the reason of each', async () => {
      const open = (...codes: readonly ErrorCode[]) =>
        new FakeDevices({ devices: codes.length, turns: [0] }).openPool('packed', failing(...codes), mayLeaveOut);
      const message =
        /^No GPU can be used\. fake:0: .*\(VNP_MEMORY\); fake:1: .*\. Choose the CPU \(`devices: 'cpu'`\)$/;
      await assert.rejects(open('VNP_MEMORY', 'VNP_MEMORY'), { code: 'VNP_MEMORY', message });
      await assert.rejects(open('VNP_MEMORY', 'VNP_DEVICE_LOST'), { code: 'VNP_DEVICE', message });
      await assert.rejects(open('VNP_MEMORY'), { message: 'Expected memory but fake:0 has none' });
    });

    it('closes what is not to be used after all', async () => {
      const devices = new FakeDevices({ devices: 3, turns: [0] });
      const pool = await devices.openPool();
      await pool.keepOnly(['fake:0', 'fake:2']);
      assert.deepEqual([devices.closed, pool.workers.map(({ id }) => id)], [1, ['fake:0', 'fake:2']]);
    });
  });

  it('gives a device with less room than the others its batches in parts, without a failure', async () => {
    const devices = new FakeDevices({ devices: 2, turns: [1] });
    const share = (await devices.openPool('packed', undefined, { tokensThatFit: [20, Infinity] })).share();
    const marks = [1, 2, 3, 4, 5];
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => outcomeOf(share, batchOf(...marks))));
    for (const outcome of outcomes) assert.deepEqual(told(outcome), { virus: marks.map(virusOf), failures: [] });
    assert.deepEqual(devices.events, []);
    const [small] = share.usage;
    assert.ok(small!.batches > 0 && small!.proteinTokens <= 20 * small!.batches);
  });

  it('closes every device, and gives up what waits', async () => {
    const devices = new FakeDevices({ devices: 3, turns: [0] });
    const pool = await devices.openPool();
    const share = pool.share();
    await pool.close();
    assert.equal(devices.closed, 3);
    await assert.rejects(share.submit(BATCH), { code: 'VNP_CLOSED' });
  });
});
