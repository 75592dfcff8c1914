import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { NativeDevice, Precision } from '../../lib/engine/addon.js';
import { defaultBatchTokens, leastMemory, planWorkers, tokensThatFit } from '../../lib/engine/devices/worker-plan.js';
import { devicesWithRoom } from '../../lib/engine/devices/choose-devices.js';
import type { SizedModel } from '../../lib/engine/devices/worker-plan.js';
import { device } from '../60-predict/fake-devices.js';

const GIB = 2 ** 30;
const cpu: NativeDevice = { ...device('cpu'), memoryTotal: 16 * GIB, memoryFree: 12 * GIB };
const gpu = (ordinal: number, gib = 80, more: Partial<NativeDevice> = {}): NativeDevice => ({
  ...device(`cuda:${ordinal}`),
  ...more,
  memoryTotal: gib * GIB,
  memoryFree: gib * GIB,
});

describe('the plan of the workers', () => {
  it('is one for every GPU', () => {
    const plans = planWorkers([gpu(0), gpu(3)], { threads: 16, workers: undefined });
    assert.deepEqual(
      plans.map(({ id, threads }) => [id, threads]),
      [
        ['cuda:0', 1],
        ['cuda:3', 1],
      ],
    );
  });

  it('lets the workers of the CPU share its threads', () => {
    const shares = (threads: number, workers: number | undefined) =>
      planWorkers([cpu], { threads, workers }).map((plan) => [plan.id, plan.threads]);
    assert.deepEqual(shares(8, undefined), [['cpu', 8]]);
    assert.deepEqual(shares(8, 1), [['cpu', 8]]);
    assert.deepEqual(shares(8, 3), [
      ['cpu:0', 2],
      ['cpu:1', 2],
      ['cpu:2', 2],
    ]);
    assert.deepEqual(shares(1, 2), [
      ['cpu:0', 1],
      ['cpu:1', 1],
    ]);
  });

  it('has several on one device for the CPU alone', () => {
    assert.throws(() => planWorkers([gpu(0)], { threads: 8, workers: 2 }), { code: 'VNP_ARGUMENT', message: /cuda:0/ });
    assert.equal(planWorkers([cpu, gpu(0)], { threads: 8, workers: 2 }).length, 3);
  });
});

const sized = (width: number, feedForward: number, bytes: number): SizedModel => ({
  architecture: { width, feedForward },
  dtype: 'float32',
  bytes,
});
const esm3b = sized(2560, 10240, 11.4 * GIB);
const dnabert = sized(768, 3072, 0.35 * GIB);

describe('the room that a GPU has to have', () => {
  const models = { dna: dnabert, protein: esm3b };
  const [half, whole] = (['bf16', 'fp32'] as const).map((precision) => leastMemory(models, precision) / GIB);
  const ids = (devices: readonly NativeDevice[]): string[] => devices.map(({ id }) => id);
  const native = { bf16: true };

  it('is that of the weights in the precision that is computed in, and of a little more', () => {
    assert.ok(half! > 5.8 && half! < 6.3 && whole! > 11.75 && whole! < 12.3, `${half}, ${whole}`);
    const beside = leastMemory({ ...models, beside: { dna: dnabert, protein: esm3b } }, 'bf16') / GIB;
    assert.ok(Math.abs(beside - 2 * half!) < 1e-9);
  });

  it('leaves out those that are full, and says what they lack', () => {
    const { devices, full } = devicesWithRoom([gpu(0, 5, native), gpu(1, 7, native)], models, 'auto');
    assert.deepEqual(ids(devices), ['cuda:1']);
    assert.deepEqual(
      full.map(({ device: { id }, reason }) => [id, reason]),
      [['cuda:0', 'full: 5.0 GiB free, but the weights and the smallest batch need 6.1 GiB in BF16']],
    );
  });

  it('is asked of every one in the precision of all, which a full one has no say in', () => {
    const old = gpu(2, 40);
    const rooms = (devices: readonly NativeDevice[]) => ids(devicesWithRoom(devices, models, 'auto').devices);
    // In FP32, which the old one needs, the first has no room.
    assert.deepEqual(rooms([gpu(0, 8, native), gpu(1, 80, native), old]), ['cuda:1', 'cuda:2']);
    assert.deepEqual(rooms([gpu(0, 8, native), gpu(1, 80, native), gpu(2, 2)]), ['cuda:0', 'cuda:1']);
  });

  it('is not asked of the CPU, nor of a GPU that does not tell', () => {
    const silent = { ...gpu(0, 1), memoryFree: null };
    const tiny = { ...cpu, memoryFree: 1 };
    assert.deepEqual(devicesWithRoom([silent, tiny], models, 'auto').full, []);
  });
});

describe('the default tokens of a batch', () => {
  const chosen = (devices: readonly NativeDevice[], precision: Precision, maxMemory?: number, protein = esm3b) =>
    defaultBatchTokens({
      plans: planWorkers(devices, { threads: 1, workers: undefined }).map((plan) => ({ ...plan, precision })),
      dna: dnabert,
      protein,
      maxMemory,
    });

  it('are many where there is memory, and enough where there is little', () => {
    assert.deepEqual(chosen([gpu(0)], 'bf16'), { protein: 16_384, dna: 16_384 });
    assert.deepEqual(chosen([gpu(0, 8)], 'bf16').protein, 12_288);
    assert.deepEqual(chosen([gpu(0, 6)], 'bf16').protein, 3072);
    assert.deepEqual(chosen([gpu(0, 6)], 'fp16').protein, 3072);
    assert.deepEqual(chosen([gpu(0, 12)], 'fp32').protein, 2048);
    assert.deepEqual(chosen([cpu], 'bf16'), { protein: 4096, dna: 4096 });
  });

  it('are those of the device with the least, among devices of one kind', () => {
    assert.deepEqual(chosen([gpu(0), gpu(1, 8)], 'bf16'), chosen([gpu(1, 8)], 'bf16'));
  });

  it('are those of the kind with the most room; another kind takes them in parts', () => {
    const small = { name: 'a small one', capability: '8.6' };
    const devices = [gpu(0), gpu(1, 8, small), gpu(2, 7, small)];
    const tokens = chosen(devices, 'bf16');
    assert.deepEqual(tokens, chosen([gpu(0)], 'bf16'));
    const plans = planWorkers(devices, { threads: 1, workers: undefined }).map((plan) => ({
      ...plan,
      precision: 'bf16' as const,
    }));
    const request = { plans, dna: dnabert, protein: esm3b, maxMemory: undefined };
    const fitting = plans.map((plan) => tokensThatFit(plan, request, tokens));
    assert.deepEqual(fitting, [Infinity, 12_288, 6144]);
    const asked = plans.map((plan) => tokensThatFit(plan, request, { ...tokens, protein: 0 }));
    assert.deepEqual(asked, [Infinity, Infinity, Infinity]);
  });

  it('stay within the memory that a worker may take', () => {
    assert.deepEqual(chosen([gpu(0)], 'bf16', 8 * GIB), chosen([gpu(0, 8)], 'bf16'));
  });

  it('leave room for a second model on the same devices, and its batches', () => {
    const plans = [{ id: 'cuda:0', threads: 1, precision: 'bf16' as const }];
    const beside = (gib: number, protein?: SizedModel) =>
      defaultBatchTokens({
        plans: plans.map((plan) => ({ ...plan, device: gpu(0, gib) })),
        ...{ dna: dnabert, protein: esm3b, maxMemory: undefined },
        ...(protein && { beside: { dna: sized(128, 512, 1e6), protein } }),
      });
    assert.deepEqual(beside(80, sized(128, 512, 1e6)), { protein: 16_384, dna: 16_384 });
    // Room shrinks by the size of its weights, and the number of tokens by what each of them needs.
    assert.deepEqual(beside(8), { protein: 12_288, dna: 16_384 });
    assert.equal(beside(8, sized(128, 512, 2 * GIB)).protein, 6144);
    assert.equal(beside(8, esm3b).protein, 3072);
  });

  it('never fall below what keeps a device busy, nor grow beyond what is of use, whatever there is', () =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom<Precision>('fp32', 'bf16', 'fp16'),
        fc.option(fc.double({ min: 0.001, max: 100, noNaN: true }), { nil: undefined }),
        (memories, precision, limit) => {
          const devices = memories.map((gib, ordinal) => gpu(ordinal, gib));
          const tokens = chosen(devices, precision, limit === undefined ? undefined : limit * GIB);
          for (const count of [tokens.protein, tokens.dna]) {
            assert.ok(count >= (precision === 'fp32' ? 2048 : 3072) && count <= 16_384 && count % 1024 === 0);
          }
        },
      ),
    ));

  it('do not ask how much is free where nothing tells', () => {
    assert.deepEqual(chosen([{ ...gpu(0), memoryFree: null }], 'bf16'), chosen([gpu(0)], 'bf16'));
  });
});
