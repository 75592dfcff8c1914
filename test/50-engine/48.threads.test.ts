import assert from 'node:assert/strict';
import type { BatchResult, FrameBatchTokens, NativeWorker } from '../../lib/engine/addon.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { NO_AVX512, skip, sumsAlikeWithAnyThreads } from '../skipped.js';
import { PARTS, randomBatch } from './token-sequences.js';

/** Batches of 1 to 90 frames: a matrix library chooses its algorithm by the number of rows. */
const FRAMES = [1, 2, 3, 5, 8, 17, 37, 64, 90];

function randomBatches(): FrameBatchTokens[] {
  const next = seededNumbers(7);
  const lengths = (frames: number, shortest: number): number[] =>
    Array.from({ length: frames }, () => shortest + (next() % 150));
  return FRAMES.map((frames) => ({
    dna: randomBatch('dna', lengths(frames, PARTS.dna.shortest), frames),
    protein: randomBatch('protein', lengths(frames, PARTS.protein.shortest), frames),
  }));
}

describe('the numbers of a batch', () => {
  let installed: InstalledModel;
  before(async function () {
    if (!sumsAlikeWithAnyThreads()) skip(this, NO_AVX512);
    installed = await installGoldenModel();
  });
  after(() => (installed as InstalledModel | undefined)?.remove());

  for (const precision of ['fp32', 'bf16'] as const) {
    it(`are the same bytes whatever the threads of a worker and the workers of a process, in ${precision}`, async () => {
      const { dna, protein, classifier } = installed.model;
      const open = (threads: number) =>
        loadAddon().addon.openWorker({ device: 'cpu', precision, threads, engine: 'packed', dna, protein, classifier });
      const resultsOf = async (worker: NativeWorker): Promise<Pick<BatchResult, 'scores' | 'embeddings'>[]> => {
        const results = [];
        for (const batch of randomBatches()) {
          const { scores, embeddings } = await worker.run(batch, { embeddings: true });
          results.push({ scores, embeddings: embeddings! });
        }
        return results;
      };
      const expected = await (async () => {
        const worker = await open(1);
        const results = await resultsOf(worker);
        await worker.close();
        return results;
      })();
      for (const group of [[2], [4], [1, 1], [3, 2]]) {
        const workers = await Promise.all(group.map(open));
        for (const results of await Promise.all(workers.map(resultsOf))) {
          assert.deepEqual(results, expected, `threads: ${group.join(' and ')}`);
        }
        await Promise.all(workers.map((worker) => worker.close()));
      }
    });
  }
});
