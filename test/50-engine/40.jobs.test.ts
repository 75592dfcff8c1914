import assert from 'node:assert/strict';
import type { NativeWorker } from '../../lib/engine/addon.js';
import { installGoldenModel, LAST_MEAN, openOnCpu } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { randomBatch } from './token-sequences.js';

const SHORT = randomBatch('dna', [5]);
/** Takes far longer than the calls around it. */
const LONG = randomBatch(
  'protein',
  Array.from({ length: 40 }, () => 300),
);

/** `done`, or the code of the error. */
async function outcome(job: Promise<unknown>): Promise<string> {
  return job.then(
    () => 'done',
    (error: unknown) => String((error as { code?: unknown }).code),
  );
}

describe('jobs of a worker', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  const embedShort = (worker: NativeWorker) => worker.embed('dna', SHORT, LAST_MEAN);
  const embedLong = (worker: NativeWorker) => worker.embed('protein', LONG, LAST_MEAN);

  it('are at most three at a time: a fourth is refused, and there is room again once one is done', async () => {
    const worker = await openOnCpu(installed.model);
    const first = embedLong(worker);
    const others = [embedShort(worker), embedShort(worker)];
    await assert.rejects(embedShort(worker), { code: 'VNP_ARGUMENT', message: /at most 3 jobs at a time/ });
    await first;
    others.push(embedShort(worker));
    assert.deepEqual(await Promise.all(others.map(outcome)), ['done', 'done', 'done']);
    for (let job = 0; job < 50; job++) await embedShort(worker);
    await worker.close();
  });

  it('may be submitted as soon as a result is there', async () => {
    const worker = await openOnCpu(installed.model);
    let refused = 0;
    const chain = async (): Promise<void> => {
      for (let job = 0; job < 50; job++) {
        await embedShort(worker).catch(() => refused++);
      }
    };
    await Promise.all([chain(), chain(), chain()]);
    assert.equal(refused, 0);
    await worker.close();
  });

  it('that wait are rejected by close, the one that runs comes to its end', async () => {
    const worker = await openOnCpu(installed.model);
    const running = outcome(embedLong(worker));
    const waiting = outcome(embedLong(worker));
    const settled: string[] = [];
    void running.then(() => settled.push('running'));
    void waiting.then(() => settled.push('waiting'));
    await worker.close();
    assert.deepEqual(settled.sort(), ['running', 'waiting']);
    assert.equal(await waiting, 'VNP_CLOSED');
    // Whether its turn came before the close depends on thread timing.
    assert.match(await running, /^(done|VNP_CLOSED)$/);
  });

  it('are refused after close, which may be called again', async () => {
    const worker = await openOnCpu(installed.model);
    await Promise.all([worker.close(), worker.close()]);
    await worker.close();
    const empty = randomBatch('dna', []);
    const jobs = [
      worker.run({ dna: empty, protein: empty }, { embeddings: false }),
      embedShort(worker),
      worker.classify(new Float32Array(112)),
    ];
    assert.deepEqual(await Promise.all(jobs.map(outcome)), ['VNP_CLOSED', 'VNP_CLOSED', 'VNP_CLOSED']);
  });

  it('fail without harm to those after them', async () => {
    const worker = await openOnCpu(installed.model);
    const { mean } = await embedShort(worker);
    await assert.rejects(worker.embed('dna', { ...SHORT, offsets: Int32Array.of(0) }, LAST_MEAN), {
      code: 'VNP_ARGUMENT',
    });
    assert.deepEqual((await embedShort(worker)).mean, mean);
    await worker.close();
  });

  it('of two workers at once give what they give alone', async () => {
    const [one, other] = await Promise.all([openOnCpu(installed.model), openOnCpu(installed.model)]);
    const alone = await embedLong(one);
    const both = await Promise.all([embedLong(one), embedLong(other), embedLong(other)]);
    for (const { mean } of both) assert.deepEqual(mean, alone.mean);
    await one.close();
    assert.deepEqual((await embedLong(other)).mean, alone.mean);
    await other.close();
  });

  it('read their tokens before the call returns', async () => {
    const worker = await openOnCpu(installed.model);
    const { mean } = await embedShort(worker);
    const changed = { tokens: SHORT.tokens.slice(), offsets: SHORT.offsets.slice() };
    const job = worker.embed('dna', changed, LAST_MEAN);
    changed.tokens.fill(1_000_000);
    changed.offsets.fill(-1);
    assert.deepEqual((await job).mean, mean);
    await worker.close();
  });
});
