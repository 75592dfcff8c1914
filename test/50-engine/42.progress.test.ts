import assert from 'node:assert/strict';
import { setTimeout as passed } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { DnabertArchitecture, Esm2Architecture, NativeProgress, NativeWorker } from '../../lib/engine/addon.js';
import { installGoldenModel, LAST_MEAN, openOnCpu } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { randomBatch } from './token-sequences.js';

const SHORT = randomBatch('dna', [5]);
const lengths = Array.from({ length: 60 }, () => 300);
/** Takes far longer than the calls around it. */
const LONG = { dna: randomBatch('dna', lengths), protein: randomBatch('protein', lengths) };

const IDLE: NativeProgress = { stage: 'idle', layersDone: 0, layers: 0, fraction: 0 };

/** Multiplications in all layers for a sequence as long as those of LONG. */
function costOf(
  { layers, width, feedForward }: DnabertArchitecture | Esm2Architecture,
  feedForwardMatrices: number,
): number {
  const weights = width * (4 * width + feedForwardMatrices * feedForward);
  return layers * (300 * weights + 2 * 300 * 300 * width);
}

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

  /** The distinct values of its progress until the job is done, in order. */
  async function watched(job: Promise<unknown>): Promise<NativeProgress[]> {
    const seen: NativeProgress[] = [];
    const end = job.then(() => 'done');
    do {
      const progress = worker.progress();
      const last = seen.at(-1);
      if (progress.stage !== 'idle' && !isDeepStrictEqual(progress, last)) seen.push(progress);
    } while ((await Promise.race([end, passed(1)])) !== 'done');
    return seen;
  }

  function stagesOf(seen: readonly NativeProgress[]): string[] {
    return seen.map(({ stage }) => stage).filter((stage, index, all) => stage !== all[index - 1]);
  }

  it('is told: nothing, then the DNA model, then the protein model, then nothing', async () => {
    assert.deepEqual(worker.progress(), IDLE);
    assert.deepEqual(stagesOf(await watched(worker.run(LONG, { embeddings: false }))), ['dna', 'protein']);
    assert.deepEqual(worker.progress(), IDLE);
  });

  it('is told of an embedding, too', async () => {
    const protein = await watched(worker.embed('protein', LONG.protein, LAST_MEAN));
    assert.deepEqual(stagesOf(protein), ['protein']);
    assert.deepEqual(stagesOf(await watched(worker.embed('dna', LONG.dna, LAST_MEAN))), ['dna']);
    assert.deepEqual(worker.progress(), IDLE);
  });

  it('goes from layer to layer and never back', async () => {
    const seen = await watched(worker.run(LONG, { embeddings: false }));
    assert.ok(seen.length > 3, `seen at ${seen.length} places`);
    for (const [index, { layers, layersDone, fraction }] of seen.entries()) {
      const before = seen[index - 1] ?? { layersDone: 0, fraction: 0 };
      assert.ok(layersDone >= before.layersDone && layersDone <= layers, `layer ${layersDone} of ${layers}`);
      assert.ok(fraction >= before.fraction && fraction <= 1, `${fraction} after ${before.fraction}`);
      assert.equal(layersDone === layers, fraction === 1);
    }
    // For both models, in pieces of at most 2048 tokens.
    const pieces = Math.ceil(lengths.length / Math.floor(2048 / 300));
    const { dna, protein } = installed.model;
    assert.equal(seen[0]!.layers, pieces * (dna.architecture.layers + protein.architecture.layers));
  });

  it('counts multiplications: those of the DNA model are a fraction of all, whatever its layers', async () => {
    const seen = await watched(worker.run(LONG, { embeddings: false }));
    const turn = seen.find(({ stage }) => stage === 'protein')!;
    const fraction = costOf(installed.model.dna.architecture, 3) / costOf(installed.model.protein.architecture, 2);
    const expected = fraction / (1 + fraction);
    assert.ok(turn.fraction >= expected - 1e-9, `${turn.fraction} of at least ${expected}`);
    assert.ok(seen.some(({ stage, fraction }) => stage === 'dna' && fraction < expected));
  });

  it('is nothing after a job that failed, and once it is closed', async () => {
    const wrong = { ...LONG, protein: randomBatch('protein', [300]) };
    await assert.rejects(worker.run(wrong, { embeddings: false }), { code: 'VNP_ARGUMENT' });
    assert.deepEqual(worker.progress(), IDLE);
    await worker.close();
    assert.deepEqual(worker.progress(), IDLE);
  });

  it('goes on when the jobs that wait are cancelled, which leaves room for others', async () => {
    const { mean } = await worker.embed('dna', SHORT, LAST_MEAN);
    const running = worker.run(LONG, { embeddings: false });
    while (worker.progress().stage === 'idle') await passed(1);
    const waiting = [1, 2].map(() => worker.embed('dna', SHORT, LAST_MEAN));
    worker.cancel();
    const others = [1, 2].map(() => worker.embed('dna', SHORT, LAST_MEAN));
    for (const job of waiting) {
      await assert.rejects(job, { code: 'VNP_ABORTED', message: /cancelled/ });
    }
    assert.equal((await running).scores.length, 2 * lengths.length);
    for (const job of others) assert.deepEqual((await job).mean, mean);
  });

  it('is not changed by a cancellation when nothing waits, or when it is closed', async () => {
    worker.cancel();
    const job = worker.embed('dna', SHORT, LAST_MEAN);
    assert.equal((await job).mean![0]!.length, 48);
    await worker.close();
    worker.cancel();
  });
});
