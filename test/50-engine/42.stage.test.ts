import assert from 'node:assert/strict';
import { setTimeout as passed } from 'node:timers/promises';
import type { NativeWorker } from '../../lib/engine/addon.js';
import { installGoldenModel, openOnCpu } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { randomBatch } from './token-sequences.js';

const SHORT = randomBatch('dna', [5]);
const lengths = Array.from({ length: 60 }, () => 300);
/** Takes far longer than the calls around it. */
const LONG = { dna: randomBatch('dna', lengths), protein: randomBatch('protein', lengths) };

describe('what a worker does', () => {
  let installed: InstalledModel;
  let worker: NativeWorker;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());
  beforeEach(async () => {
    worker = await openOnCpu(installed.model);
  });
  afterEach(() => worker.close());

  /** The stages that it is seen in until the job is done, each once, in their order. */
  async function stagesOf(job: Promise<unknown>): Promise<string[]> {
    const seen: string[] = [];
    const end = job.then(() => 'done');
    do {
      if (worker.stage !== seen.at(-1)) seen.push(worker.stage);
    } while ((await Promise.race([end, passed(1)])) !== 'done');
    return seen.filter((stage) => stage !== 'idle');
  }

  it('is told: nothing, then the DNA model, then the protein model, then nothing', async () => {
    assert.equal(worker.stage, 'idle');
    assert.deepEqual(await stagesOf(worker.run(LONG, { embeddings: false })), ['dna', 'protein']);
    assert.equal(worker.stage, 'idle');
  });

  it('is told of an embedding, too', async () => {
    assert.deepEqual(await stagesOf(worker.embed('protein', LONG.protein, { layers: false })), ['protein']);
    assert.deepEqual(await stagesOf(worker.embed('dna', LONG.dna, { layers: false })), ['dna']);
    assert.equal(worker.stage, 'idle');
  });

  it('is nothing after a job that failed, and once it is closed', async () => {
    const wrong = { ...LONG, protein: randomBatch('protein', [300]) };
    await assert.rejects(worker.run(wrong, { embeddings: false }), { code: 'VNP_ARGUMENT' });
    assert.equal(worker.stage, 'idle');
    await worker.close();
    assert.equal(worker.stage, 'idle');
  });

  it('goes on when the jobs that wait are withdrawn, which leaves room for others', async () => {
    const { mean } = await worker.embed('dna', SHORT, { layers: false });
    const running = worker.run(LONG, { embeddings: false });
    while (worker.stage === 'idle') await passed(1);
    const waiting = [1, 2].map(() => worker.embed('dna', SHORT, { layers: false }));
    worker.withdraw();
    const others = [1, 2].map(() => worker.embed('dna', SHORT, { layers: false }));
    for (const job of waiting) {
      await assert.rejects(job, { code: 'VNP_ABORTED', message: /withdrawn/ });
    }
    assert.equal((await running).scores.length, 2 * lengths.length);
    for (const job of others) assert.deepEqual((await job).mean, mean);
  });

  it('is not changed by a withdrawal when nothing waits, or when it is closed', async () => {
    worker.withdraw();
    const job = worker.embed('dna', SHORT, { layers: false });
    assert.equal((await job).mean.length, 48);
    await worker.close();
    worker.withdraw();
  });
});
