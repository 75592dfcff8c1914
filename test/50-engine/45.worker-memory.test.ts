import assert from 'node:assert/strict';
import { setTimeout as passed } from 'node:timers/promises';
import type { FrameBatchTokens, NativeWorker, OpenRequest } from '../../lib/engine/addon.js';
import { installGoldenModel, openOnCpu } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { randomBatch } from './token-sequences.js';

const batchOf = (lengths: readonly number[]): FrameBatchTokens => ({
  dna: randomBatch('dna', lengths),
  protein: randomBatch('protein', lengths),
});
const SMALL = batchOf([5]);
const BIG = batchOf(Array.from({ length: 60 }, () => 300));
const ENGINES = ['packed', 'torchscript'] as const;

describe('the memory of a CPU worker', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  const run = async (worker: NativeWorker, batch: FrameBatchTokens) => worker.run(batch, { embeddings: true });

  /** Waits until both ends of a job have released its tensors, in either order. */
  async function freed(worker: NativeWorker): Promise<void> {
    while (worker.memory().allocated > worker.weightBytes) await passed(1);
  }

  it('is that of its weights, grows with a batch and falls after it; the peak stays', async () => {
    const worker = await openOnCpu(installed.model);
    const weights = worker.weightBytes;
    const idle = { allocated: weights, reserved: weights, peakAllocated: weights, peakReserved: weights };
    assert.deepEqual(worker.memory(), idle);
    const job = run(worker, BIG);
    while (worker.memory().allocated === weights) await passed(1);
    await job;
    await freed(worker);
    const after = worker.memory();
    assert.ok(after.peakAllocated > weights + BIG.dna.tokens.length, JSON.stringify(after));
    assert.deepEqual(after, { ...idle, peakAllocated: after.peakAllocated, peakReserved: after.peakAllocated });
    await worker.close();
    assert.deepEqual(worker.memory(), { ...after, allocated: 0, reserved: 0 });
  });

  it('is its own: another worker of the same process does not count', async () => {
    const [one, other] = await Promise.all([openOnCpu(installed.model), openOnCpu(installed.model)]);
    await run(one, BIG);
    assert.equal(other.memory().peakAllocated, other.weightBytes);
    assert.ok(one.memory().peakAllocated > one.weightBytes);
    await Promise.all([one.close(), other.close()]);
  });

  for (const engine of ENGINES) {
    const open = (options: Pick<OpenRequest, 'maxMemory'>) => openOnCpu(installed.model, { engine, ...options });

    it(`stays within its limit: a batch that is too large fails, others do not (${engine})`, async () => {
      const free = await open({});
      const small = await run(free, SMALL);
      const littlePeak = free.memory().peakAllocated;
      await run(free, BIG);
      const largePeak = free.memory().peakAllocated;
      assert.ok(largePeak > 1.5 * littlePeak, `${largePeak} and ${littlePeak}`);
      await free.close();

      const maxMemory = Math.round((littlePeak + largePeak) / 2);
      const worker = await open({ maxMemory });
      for (let time = 0; time < 2; time++) {
        await assert.rejects(run(worker, BIG), { code: 'VNP_MEMORY', message: /needed .*B more .*`maxMemory`/ });
        assert.deepEqual((await run(worker, SMALL)).embeddings, small.embeddings);
      }
      assert.ok(worker.memory().peakAllocated <= maxMemory);
      await freed(worker);
      await worker.close();
    });

    it(`has to hold the weights (${engine})`, async () => {
      const { weightBytes } = await open({}).then(async (worker) => {
        await worker.close();
        return worker;
      });
      await assert.rejects(open({ maxMemory: weightBytes - 1 }), {
        code: 'VNP_MEMORY',
        message: /weights .* take \d+ KiB, .* no room within \d+ KiB \(`maxMemory`\)\. /,
      });
    });
  }

  it('names the model that asked for too much', async () => {
    const worker = await openOnCpu(installed.model);
    await run(worker, SMALL);
    const { peakAllocated } = worker.memory();
    await worker.close();
    const limited = await openOnCpu(installed.model, { maxMemory: peakAllocated });
    const large = { ...SMALL, protein: randomBatch('protein', [2000]) };
    await assert.rejects(run(limited, large), { code: 'VNP_MEMORY', part: 'protein' });
    await limited.close();
  });

  for (const maxMemory of [0, -1, 0.5, Number.NaN]) {
    it(`is not limited to ${maxMemory} bytes`, async () => {
      await assert.rejects(openOnCpu(installed.model, { maxMemory }), { code: 'VNP_ARGUMENT', message: /maxMemory/ });
    });
  }
});
