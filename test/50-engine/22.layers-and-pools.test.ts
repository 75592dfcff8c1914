import assert from 'node:assert/strict';
import { setTimeout as passed } from 'node:timers/promises';
import fc from 'fast-check';
import type { EmbedOptions, NativeWorker, Pool } from '../../lib/engine/addon.js';
import { GOLDEN_LAYERS, installGoldenModel, openOnCpu, pack } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { largestDifference } from '../safetensors.js';
import { pooledOf } from './pooled-states.js';
import { PARTS, randomBatch, randomTokens, tokenSequence } from './token-sequences.js';

const TOLERANCE = 1e-5;
const LAYERS = [0, 1, 2, 3];
const POOLS: readonly Pool[] = ['mean', 'cls', 'max', 'tokens'];
const POOLED: readonly Pool[] = ['mean', 'cls', 'max'];

/** A part of a list, in any order. */
function some<T>(all: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...all], { minLength: 1 });
}

describe('the layers and pools of an embedding', () => {
  let installed: InstalledModel;
  let worker: NativeWorker;
  before(async () => {
    installed = await installGoldenModel();
    worker = await openOnCpu(installed.model);
  });
  after(async () => {
    await worker.close();
    installed.remove();
  });

  for (const part of ['dna', 'protein'] as const) {
    const { width } = PARTS[part];

    it(`are those that were asked for, in that order, and the same whatever else is (${part})`, async () => {
      const batch = randomBatch(part, [12, 7, 30]);
      const all = await worker.embed(part, batch, { layers: LAYERS, pools: POOLS });
      await fc.assert(
        fc.asyncProperty(some(LAYERS), some(POOLS), async (layers, pools) => {
          const states = await worker.embed(part, batch, { layers, pools });
          assert.deepEqual(Object.keys(states), pools);
          for (const pool of pools) {
            assert.deepEqual(
              states[pool],
              layers.map((layer) => all[pool]![layer]),
              `${pool} of ${layers.join()}`,
            );
          }
        }),
        { numRuns: 25 },
      );
    });

    it(`are pooled from the states of the tokens, each ${part} sequence on its own`, () =>
      fc.assert(
        fc.asyncProperty(fc.array(tokenSequence(part), { minLength: 1, maxLength: 6 }), async (sequences) => {
          const batch = pack(sequences);
          const states = await worker.embed(part, batch, { layers: LAYERS, pools: POOLS });
          for (const layer of LAYERS) {
            for (const [index, { length }] of sequences.entries()) {
              const [from, to] = [batch.offsets[index]!, batch.offsets[index + 1]!];
              const expected = pooledOf(part, states.tokens![layer]!.subarray(from * width, to * width), length);
              for (const pool of ['mean', 'cls', 'max'] as const) {
                const row = states[pool]![layer]!.subarray(index * width, (index + 1) * width);
                const difference = largestDifference(row, expected[pool]);
                assert.ok(difference <= (pool === 'mean' ? TOLERANCE : 0), `${pool}, ${layer}: ${difference}`);
              }
            }
          }
        }),
        { numRuns: 10 },
      ));

    it(`are the same for every ${part} sequence of a batch that is computed in pieces`, async () => {
      const lengths = Array.from({ length: 24 }, (_, index) => 5 + ((index * 97) % 300));
      const sequences = lengths.map((length, index) => randomTokens(part, length, index));
      const batch = pack(sequences);
      assert.ok(batch.tokens.length > 2048, 'more than a piece');
      const together = await worker.embed(part, batch, { layers: LAYERS, pools: POOLS });
      for (const [index, sequence] of sequences.entries()) {
        const alone = await worker.embed(part, pack([sequence]), { layers: LAYERS, pools: POOLS });
        for (const pool of POOLS) {
          const [from, to] =
            pool === 'tokens' ? [batch.offsets[index]!, batch.offsets[index + 1]!] : [index, index + 1];
          for (const layer of LAYERS) {
            const rows = together[pool]![layer]!.subarray(from * width, to * width);
            const difference = largestDifference(rows, alone[pool]![layer]!);
            assert.ok(difference <= TOLERANCE, `${pool} of ${layer}, sequence ${index}: ${difference}`);
          }
        }
      }
    });
  }

  it('pool the first 1024 residues of a longer protein', async () => {
    const sequence = randomTokens('protein', 1100, 4);
    const { mean, max, tokens } = await worker.embed('protein', pack([sequence]), { layers: [3, 1], pools: POOLS });
    for (const index of [0, 1]) {
      const expected = pooledOf('protein', tokens![index]!, sequence.length);
      assert.ok(largestDifference(mean![index]!, expected.mean) <= TOLERANCE);
      assert.equal(largestDifference(max![index]!, expected.max), 0);
    }
  });

  it('are computed up to the last layer that was asked for', async () => {
    const batch = randomBatch(
      'protein',
      Array.from({ length: 60 }, () => 300),
    );
    for (const layers of [[1], [2, 0], [3]]) {
      const seen = new Set<number>();
      const end = worker.embed('protein', batch, { layers, pools: ['mean'] }).then(() => 'done');
      do {
        const progress = worker.progress();
        if (progress.stage !== 'idle') seen.add(progress.layers);
      } while ((await Promise.race([end, passed(1)])) !== 'done');
      // In pieces of at most 2048 tokens.
      assert.deepEqual([...seen], [10 * Math.max(...layers)]);
    }
  });

  it('of TorchScript are those of the last layer, in every pool', async () => {
    const torchscript = await openOnCpu(installed.model, { engine: 'torchscript' });
    for (const part of ['dna', 'protein'] as const) {
      const batch = randomBatch(part, [40, 9, 3]);
      const options: EmbedOptions = { layers: [GOLDEN_LAYERS], pools: POOLS };
      const [ours, theirs] = [await worker.embed(part, batch, options), await torchscript.embed(part, batch, options)];
      for (const pool of POOLS) {
        const difference = largestDifference(ours[pool]![0]!, theirs[pool]![0]!);
        assert.ok(difference <= TOLERANCE, `${pool}: ${difference}`);
      }
    }
    await torchscript.close();
  });

  it("are the caller's own: they outlive the worker, and can be cloned", async () => {
    const fresh = await openOnCpu(installed.model);
    const states = await fresh.embed('protein', randomBatch('protein', [400]), { layers: LAYERS, pools: POOLS });
    const clone = structuredClone(states);
    await fresh.close();
    assert.deepEqual(states, clone);
    states.tokens![0]!.fill(1);
    assert.notDeepEqual(states.tokens![0], clone.tokens![0]);
    assert.deepEqual(states.tokens![1], clone.tokens![1]);
  });

  it('take no memory for the tokens of all layers unless these are asked for', async () => {
    const batch = randomBatch(
      'protein',
      Array.from({ length: 60 }, () => 300),
    );
    const peakOf = async (options: EmbedOptions): Promise<number> => {
      const fresh = await openOnCpu(installed.model);
      await fresh.embed('protein', batch, options);
      const { peakAllocated } = fresh.memory();
      await fresh.close();
      return peakAllocated;
    };
    const one = await peakOf({ layers: [GOLDEN_LAYERS], pools: ['mean'] });
    const states = batch.tokens.length * PARTS.protein.width * Float32Array.BYTES_PER_ELEMENT;
    // The states of one piece, an eighth of the batch at most, and the pooled ones.
    const pooled = await peakOf({ layers: LAYERS, pools: POOLED });
    assert.ok(pooled - one < states / 4, `${pooled} bytes, and ${one} for the mean of the last layer`);
    const tokens = await peakOf({ layers: LAYERS, pools: ['tokens'] });
    assert.ok(tokens - one > 3.9 * states, `${tokens} bytes, and ${one} for the mean of the last layer`);
    assert.ok(tokens - one < 4.3 * states, `${tokens} bytes, and ${one} for the mean of the last layer`);
  });
});
