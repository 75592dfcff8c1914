import assert from 'node:assert/strict';
import { embedAll, measureForward, measureSpeed } from '../../lib/benchmark/measurements.js';
import type { Workload } from '../../lib/benchmark/measurements.js';
import { spreadOf } from '../../lib/benchmark/report.js';
import { pack } from '../golden-model.js';

const sequence = (length: number): number[] => new Array<number>(length).fill(5);
const BATCHES = [pack([sequence(30), sequence(10)]), pack([sequence(50)]), pack([sequence(10)])];
const OPERATIONS_PER_TOKEN = 1000;

interface FakeSpeed {
  /** Time per token in the model, and per row in the linear layers alone. */
  readonly token: number;
  readonly row: number;
}

/** A device with a clock of its own, on which everything takes the time given. */
class FakeDevice {
  now = 0;
  readonly calls: string[] = [];
  speed: FakeSpeed;
  #queued = 0;

  constructor(speed: FakeSpeed) {
    this.speed = speed;
  }

  workload(changes: Partial<Workload> = {}): Workload {
    return {
      part: 'protein',
      layers: 30,
      batches: BATCHES,
      hasLimit: true,
      clock: () => this.now,
      worker: {
        embed: async (_, { tokens }, { measure = false }) => {
          assert.ok(++this.#queued <= 2, 'a third job');
          await new Promise((resolve) => setImmediate(resolve));
          this.#queued--;
          const total = tokens.length * this.speed.token;
          this.now += total;
          this.calls.push(`embed ${tokens.length}`);
          const seconds = { total, linear: total / 2, attention: total / 4 };
          return { mean: [new Float32Array()], ...(measure && { seconds }) };
        },
        measureLinear: async (_, rows) => {
          const seconds = rows * this.speed.row;
          this.now += seconds;
          this.calls.push(`limit ${rows}`);
          return { seconds, operations: rows * OPERATIONS_PER_TOKEN };
        },
      },
      ...changes,
    };
  }
}

const near = (one: number, other: number): void => assert.ok(Math.abs(one / other - 1) < 1e-9, `${one}, ${other}`);

describe('the measurement of a benchmark', () => {
  it('embeds every batch, at most two at a time on the device', async () => {
    const device = new FakeDevice({ token: 0.01, row: 0.001 });
    near(await embedAll(device.workload()), 1);
    assert.deepEqual(device.calls.sort(), ['embed 10', 'embed 40', 'embed 50']);
  });

  it('measures the limit before each batch of a slow model, on the rows of the largest', async () => {
    const device = new FakeDevice({ token: 0.1, row: 0.08 });
    const speed = await measureSpeed(device.workload(), 10, 2);
    const pass = ['limit 50', 'embed 40', 'limit 50', 'embed 50', 'limit 50', 'embed 10'];
    assert.deepEqual(device.calls, ['limit 50', ...pass, ...pass]);
    assert.equal(speed.passes, 1);
    near(speed.operationsPerToken!, OPERATIONS_PER_TOKEN);
    assert.equal(speed.samples.length, 2);
    for (const { tokensPerSecond, limit } of speed.samples) {
      near(tokensPerSecond, 10);
      near(limit!, OPERATIONS_PER_TOKEN / 0.08);
    }
  });

  it('sees a machine that becomes slower in the speed and in the limit of the same repeat', async () => {
    const device = new FakeDevice({ token: 0.1, row: 0.08 });
    const workload = device.workload();
    const slower = (): void => {
      device.speed = { token: 2 * device.speed.token, row: 2 * device.speed.row };
    };
    const { worker } = workload;
    const measureLinear: typeof worker.measureLinear = async (part, rows) => {
      slower();
      return worker.measureLinear(part, rows);
    };
    const { samples } = await measureSpeed({ ...workload, worker: { ...worker, measureLinear } }, 10, 3);
    near(samples[0]!.tokensPerSecond / samples[2]!.tokensPerSecond, 64);
    for (const { tokensPerSecond, limit } of samples) near((tokensPerSecond * OPERATIONS_PER_TOKEN) / limit!, 0.8);
  });

  it('repeats for ten seconds, three times at least, and a fast model several times in each', async () => {
    const slow = new FakeDevice({ token: 0.2, row: 0.08 });
    assert.equal((await measureSpeed(slow.workload(), 20, undefined)).samples.length, 3);
    const fast = new FakeDevice({ token: 0.002, row: 0.001 });
    const { samples, passes } = await measureSpeed(fast.workload(), 0.2, undefined);
    assert.equal(passes, 3);
    assert.ok(samples.length > 3 && fast.now >= 10 && fast.now < 12, `${samples.length} in ${fast.now}`);
    for (const { tokensPerSecond } of samples) near(tokensPerSecond, 500);
    const repeats = samples.length;
    assert.equal(fast.calls.filter((call) => call.startsWith('embed')).length, repeats * passes * BATCHES.length);
  });

  it('measures the limit before several batches that are quick, and half a second of them at least', async () => {
    const device = new FakeDevice({ token: 0.01, row: 0.008 });
    const { passes } = await measureSpeed(device.workload(), 1, 1);
    assert.equal(passes, 1);
    assert.deepEqual(device.calls, ['limit 50', 'limit 50', 'embed 40', 'limit 50', 'embed 50', 'embed 10']);
  });

  it('measures no limit where there is none', async () => {
    const device = new FakeDevice({ token: 0.1, row: 0.08 });
    const speed = await measureSpeed(device.workload({ hasLimit: false }), 10, 2);
    assert.equal(speed.operationsPerToken, undefined);
    assert.ok(speed.samples.every(({ limit }) => limit === undefined));
    assert.ok(device.calls.every((call) => call.startsWith('embed')));
  });

  it('says where the time of the largest batch goes', async () => {
    const device = new FakeDevice({ token: 0.1, row: 0.08 });
    const seconds = await measureForward(device.workload());
    assert.deepEqual(seconds, { total: 5, linear: 2.5, attention: 1.25 });
    assert.deepEqual(device.calls, ['embed 50']);
  });

  it('ends with the first failure', async () => {
    const device = new FakeDevice({ token: 0.1, row: 0.08 });
    const workload = device.workload();
    const embed = async (): Promise<never> => {
      throw Object.assign(new Error('no memory'), { code: 'VNP_MEMORY' });
    };
    await assert.rejects(embedAll({ ...workload, worker: { ...workload.worker, embed } }), { code: 'VNP_MEMORY' });
  });

  it('takes the middle of its repeats', () => {
    assert.deepEqual(spreadOf([3]), { median: 3, least: 3, most: 3 });
    assert.deepEqual(spreadOf([10, 2, 3]), { median: 3, least: 2, most: 10 });
    assert.deepEqual(spreadOf([10, 1, 3, 2]), { median: 2.5, least: 1, most: 10 });
  });
});
