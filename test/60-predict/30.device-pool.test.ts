import assert from 'node:assert/strict';
import type { FrameBatchTokens, OpenRequest } from '../../lib/engine/addon.js';
import { DevicePool } from '../../lib/engine/pool.js';
import { VirnucproError } from '../../lib/errors.js';
import { FakeDevices, LIMIT } from './fake-devices.js';

const BATCH: FrameBatchTokens = {
  dna: { tokens: Int32Array.of(1, 2, 3), offsets: Int32Array.of(0, 1, 3) },
  protein: { tokens: Int32Array.of(4, 5), offsets: Int32Array.of(0, 1, 2) },
};

describe('the pool of devices', () => {
  it('lets three batches at a time onto a device, and the next when one is done', async () => {
    const devices = new FakeDevices({ devices: 2, outcomes: ['scores'], turns: [3, 1, 2] });
    const pool = await devices.openPool();
    const results = [];
    for (let batch = 0; batch < 40; batch++) results.push((await pool.submit(BATCH)).result);
    assert.equal((await Promise.all(results)).length, 40);
    assert.equal(devices.mostRunning, 6);
    const usage = pool.workers as ReturnType<DevicePool['countUsage']>;
    assert.equal(
      usage.reduce((sum, { batches }) => sum + batches, 0),
      40,
    );
    assert.ok(usage.every(({ batches }) => batches > 0));
  });

  it('takes submissions from several sides at once', async () => {
    const devices = new FakeDevices({ devices: 1, outcomes: ['scores', 'error'], turns: [2, 0, 1] });
    const pool = await devices.openPool();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async () => (await pool.submit(BATCH)).result),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10);
  });

  it('counts what each device did, from zero for each run', async () => {
    const devices = new FakeDevices({ devices: 1, outcomes: ['scores', 'error'], turns: [0] });
    const pool = await devices.openPool();
    const [usage] = pool.countUsage();
    await (
      await pool.submit(BATCH)
    ).result;
    await assert.rejects(
      async () => (await pool.submit(BATCH)).result,
      (error) => {
        assert.ok(error instanceof VirnucproError && error.code === 'VNP_MEMORY');
        return true;
      },
    );
    const { batches, frames, dnaTokens, proteinTokens, seconds, weightBytes } = usage!;
    assert.deepEqual(
      { batches, frames, dnaTokens, proteinTokens, weightBytes },
      {
        ...{ batches: 1, frames: 2, dnaTokens: 3, proteinTokens: 2, weightBytes: 1000 },
      },
    );
    assert.deepEqual(seconds, { dna: 1, protein: 2, classifier: 3 });
    assert.equal(pool.countUsage()[0]!.batches, 0);
    assert.equal(usage!.batches, 1, 'an earlier run keeps its counts');
  });

  describe('after a run', () => {
    // The fake says that a batch takes 1 and 2 seconds: with so many tokens there is time to measure.
    const long: FrameBatchTokens = {
      dna: { tokens: new Int32Array(3000), offsets: Int32Array.of(0, 3000) },
      protein: { tokens: new Int32Array(5000), offsets: Int32Array.of(0, 5000) },
    };
    const runOn = async (devices: FakeDevices, batch = long, engine: OpenRequest['engine'] = 'packed') => {
      const pool = await devices.openPool(engine);
      const usage = pool.countUsage();
      await (
        await pool.submit(batch)
      ).result;
      return { pool, usage };
    };
    const oneDevice = () => new FakeDevices({ devices: 1, outcomes: ['scores'], turns: [0] });

    it('knows the limit of a device that had work enough, until the next run', async () => {
      const { pool, usage } = await runOn(oneDevice());
      assert.equal(usage[0]!.limit, undefined);
      await pool.measureLimits();
      assert.deepEqual(usage[0]!.limit, { dna: LIMIT, protein: LIMIT });
      assert.equal(pool.countUsage()[0]!.limit, undefined);
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
      const devices = new FakeDevices({ devices: 2, outcomes: ['scores'], turns: [0] });
      devices.limitFailure = new Error('no memory');
      const pool = await devices.openPool();
      const usage = pool.countUsage();
      const accepted = [await pool.submit(long), await pool.submit(long)];
      await Promise.all(accepted.map(({ result }) => result));
      await assert.rejects(pool.measureLimits(), /no memory/);
      assert.deepEqual(
        usage.map(({ limit }) => limit),
        [undefined, { dna: LIMIT, protein: LIMIT }],
      );
    });
  });

  it('closes what it opened when one device fails to open', async () => {
    const devices = new FakeDevices({ devices: 3, outcomes: ['scores'], turns: [0] });
    const requests = [0, 1, 2].map((index) => ({ device: `fake:${index}` }) as OpenRequest);
    await assert.rejects(DevicePool.open(devices.addon('fake:1'), requests), (error) => {
      assert.ok(error instanceof VirnucproError && error.code === 'VNP_MEMORY');
      assert.match(error.message, /fake:1/);
      return true;
    });
    assert.deepEqual([devices.opened, devices.closed], [2, 2]);
  });

  it('closes every device', async () => {
    const devices = new FakeDevices({ devices: 3, outcomes: ['scores'], turns: [0] });
    await (await devices.openPool()).close();
    assert.equal(devices.closed, 3);
  });
});
