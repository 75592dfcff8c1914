import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { ArchiveParameter, EmbedOptions, Esm2Architecture, NativeWorker } from '../../lib/engine/addon.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { installGoldenModel, meansOf, openOnCpu, pack } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { largestDifference } from '../safetensors.js';
import { PARTS, randomBatch, randomTokens, tokenSequence } from './token-sequences.js';

const TOLERANCE = 1e-5;

/** Sequences, and some of them in another order. */
function batches<T>(sequence: fc.Arbitrary<T>): fc.Arbitrary<{ all: T[]; chosen: number[] }> {
  return fc
    .array(sequence, { minLength: 1, maxLength: 9 })
    .chain((all) => fc.shuffledSubarray([...all.keys()], { minLength: 1 }).map((chosen) => ({ all, chosen })));
}

function row(values: Float32Array, index: number, width: number): Float32Array {
  return values.subarray(index * width, (index + 1) * width);
}

function relativeDistance(values: Float32Array, exact: Float32Array): number {
  assert.equal(values.length, exact.length);
  let distance = 0;
  let size = 0;
  exact.forEach((value, index) => {
    distance += (values[index]! - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(distance / size);
}

const LOUD: Esm2Architecture = { family: 'esm2', layers: 2, width: 64, heads: 4, feedForward: 64, vocabulary: 33 };

/** Random weights, but attention values so large that those of some tokens overflow fp16. */
async function writeLoudEsm2(path: string): Promise<void> {
  const parameters = randomParameters(LOUD, 1).map((parameter): ArchiveParameter => {
    const { name, source } = parameter;
    if (source.kind !== 'normal' || !name.endsWith('value.weight')) return parameter;
    return { ...parameter, source: { ...source, standardDeviation: 2400 } };
  });
  await loadAddon().addon.writeArchive({ path, architecture: LOUD, dtype: 'float32', parameters, extraFiles: {} });
}

/** A token whose embedding is NaN. */
const SPOILT_TOKEN = 9;

function isInside(sequence: readonly number[]): boolean {
  return sequence.slice(1, -1).includes(SPOILT_TOKEN);
}

async function writeSpoiltEsm2(path: string): Promise<void> {
  const embedding = Float32Array.from({ length: LOUD.vocabulary * LOUD.width }, (_, index) => Math.sin(index));
  embedding.fill(NaN, SPOILT_TOKEN * LOUD.width, (SPOILT_TOKEN + 1) * LOUD.width);
  writeFileSync(`${path}.embedding`, embedding);
  const parameters = randomParameters(LOUD, 1).map((parameter): ArchiveParameter => {
    if (parameter.name !== 'embed_tokens.weight') return parameter;
    const file = { kind: 'file', path: `${path}.embedding`, offset: 0, dtype: 'float32' } as const;
    return { ...parameter, source: { ...file, strides: [LOUD.width, 1] } };
  });
  await loadAddon().addon.writeArchive({ path, architecture: LOUD, dtype: 'float32', parameters, extraFiles: {} });
}

describe('packed batches', () => {
  let installed: InstalledModel;
  let packed: NativeWorker;
  let torchscript: NativeWorker;

  before(async () => {
    installed = await installGoldenModel();
    packed = await openOnCpu(installed.model);
    torchscript = await openOnCpu(installed.model, { engine: 'torchscript' });
  });
  after(async () => {
    await Promise.all([packed.close(), torchscript.close()]);
    installed.remove();
  });

  for (const part of ['dna', 'protein'] as const) {
    const { width } = PARTS[part];

    it(`give every ${part} sequence what it gets alone, whatever its neighbours and their order`, () =>
      fc.assert(
        fc.asyncProperty(batches(tokenSequence(part)), async ({ all, chosen }) => {
          const together = await meansOf(packed, part, pack(chosen.map((index) => all[index]!)));
          assert.equal(together.length, chosen.length * width);
          for (const [position, index] of chosen.entries()) {
            const alone = await meansOf(packed, part, pack([all[index]!]));
            const difference = largestDifference(row(together, position, width), alone);
            assert.ok(difference <= TOLERANCE, `sequence ${index} differs by ${difference}`);
          }
        }),
        { numRuns: 25 },
      ));

    it(`give the numbers of the archive's own forward for ${part}`, () =>
      fc.assert(
        fc.asyncProperty(fc.array(tokenSequence(part), { minLength: 1, maxLength: 6 }), async (sequences) => {
          const batch = pack(sequences);
          const [one, other] = await Promise.all([meansOf(packed, part, batch), meansOf(torchscript, part, batch)]);
          const difference = largestDifference(one, other);
          assert.ok(difference <= TOLERANCE, `the engines differ by ${difference}`);
        }),
        { numRuns: 20 },
      ));

    it(`of long ${part} sequences, whose attention goes in pieces, give the numbers of the archive's own forward`, async () => {
      const batch = randomBatch(part, [40, 2100], 3);
      const [one, other] = await Promise.all([packed, torchscript].map((worker) => meansOf(worker, part, batch)));
      const difference = largestDifference(one!, other!);
      assert.ok(difference <= TOLERANCE, `the engines differ by ${difference}`);
    });

    it(`keep as close to float32 in bf16 as the archive's own forward does, for ${part}`, async () => {
      const lengths = Array.from({ length: 24 }, (_, index) => 5 + 11 * index);
      const batch = randomBatch(part, lengths, 7);
      const exact = await meansOf(packed, part, batch);
      const distances: number[] = [];
      for (const engine of ['packed', 'torchscript'] as const) {
        const worker = await openOnCpu(installed.model, { engine, precision: 'bf16' });
        distances.push(relativeDistance(await meansOf(worker, part, batch), exact));
        await worker.close();
      }
      const [ours, theirs] = distances as [number, number];
      assert.ok(ours > 0, 'bf16 must not be float32 under another name');
      // Both errors come from many roundings and vary by chance; this engine keeps its residuals in float32, so it
      // rounds less often. A tenth is far above that variation for a thousand values, and below any real loss.
      assert.ok(ours <= 1.1 * theirs, `${ours} away from float32, the archive's forward ${theirs}`);
    });
  }

  it('keep a sequence that leaves the range of fp16 to itself', async () => {
    const { width } = PARTS.protein;
    const path = join(installed.models, 'loud.pt');
    await writeLoudEsm2(path);
    const protein = { ...installed.model.protein, path, architecture: LOUD };
    const worker = await openOnCpu({ ...installed.model, protein }, { precision: 'fp16' });
    const sound = (means: Float32Array): boolean[] =>
      Array.from({ length: means.length / width }, (_, index) => row(means, index, width).every(Number.isFinite));
    const sequences = Array.from({ length: 24 }, (_, index) => randomTokens('protein', 5 + (index % 7), index));
    const alone: boolean[] = [];
    for (const sequence of sequences) {
      alone.push(...sound(await meansOf(worker, 'protein', pack([sequence]), LOUD.layers)));
    }
    const together = sound(await meansOf(worker, 'protein', pack(sequences), LOUD.layers));
    await worker.close();
    assert.ok(alone.includes(true) && alone.includes(false), 'both kinds must be there');
    assert.deepEqual(together, alone);
  });

  for (const precision of ['fp16', 'bf16', 'fp32'] as const) {
    it(`keep what is no number to its own sequence in ${precision}`, async () => {
      const { width } = PARTS.protein;
      const path = join(installed.models, 'spoilt.pt');
      await writeSpoiltEsm2(path);
      const protein = { ...installed.model.protein, path, architecture: LOUD };
      const worker = await openOnCpu({ ...installed.model, protein }, { precision });
      const sequences = Array.from({ length: 40 }, (_, index) => randomTokens('protein', 5 + (index % 23), index));
      const options: EmbedOptions = { layers: [0, LOUD.layers], pools: ['mean', 'max'] };
      const states = await worker.embed('protein', pack(sequences), options);
      await worker.close();
      const spoilt = sequences.map((sequence) => sequence.includes(SPOILT_TOKEN));
      assert.ok(spoilt.includes(true) && spoilt.includes(false), 'both kinds must be there');
      for (const [index, expected] of spoilt.entries()) {
        for (const layer of [...states.mean!, ...states.max!]) {
          // Before any attention it is in its own token's state only, which is pooled unless it is the first or last.
          const isIn = layer !== states.mean![0] && layer !== states.max![0] ? expected : isInside(sequences[index]!);
          const values = row(layer, index, width);
          assert.ok(values.every(isIn ? Number.isNaN : Number.isFinite), `sequence ${index}`);
        }
      }
    });
  }

  it('give every frame the scores and embeddings that it gets alone', () =>
    fc.assert(
      fc.asyncProperty(batches(fc.tuple(tokenSequence('dna'), tokenSequence('protein'))), async ({ all, chosen }) => {
        const frames = chosen.map((index) => all[index]!);
        const batchOf = (pairs: [number[], number[]][]) => ({
          dna: pack(pairs.map(([dna]) => dna)),
          protein: pack(pairs.map(([, protein]) => protein)),
        });
        const together = await packed.run(batchOf(frames), { embeddings: true });
        assert.equal(together.scores.length, 2 * frames.length);
        const width = PARTS.dna.width + PARTS.protein.width;
        for (const [position, frame] of frames.entries()) {
          const alone = await packed.run(batchOf([frame]), { embeddings: true });
          const embedded = largestDifference(row(together.embeddings!, position, width), alone.embeddings!);
          const scored = largestDifference(row(together.scores, position, 2), alone.scores);
          assert.ok(Math.max(embedded, scored) <= TOLERANCE, `frame ${position}: ${embedded}, scores ${scored}`);
        }
      }),
      { numRuns: 15 },
    ));

  for (const engine of ['packed', 'torchscript'] as const) {
    it(`may be empty: nothing comes of nothing (${engine})`, async () => {
      const worker = engine === 'packed' ? packed : torchscript;
      const none = pack([]);
      const states = await worker.embed('dna', none, { layers: [3], pools: ['mean', 'cls', 'max', 'tokens'] });
      const nothing = [new Float32Array(0)];
      assert.deepEqual(states, { mean: nothing, cls: nothing, max: nothing, tokens: nothing });
      const { scores, embeddings } = await worker.run({ dna: none, protein: none }, { embeddings: true });
      assert.deepEqual([scores.length, embeddings!.length], [0, 0]);
      assert.equal((await worker.classify(new Float32Array(0))).length, 0);
    });
  }

  it('have no embeddings in their result unless asked for', async () => {
    const batch = { dna: randomBatch('dna', [4]), protein: randomBatch('protein', [4]) };
    assert.equal((await packed.run(batch, { embeddings: false })).embeddings, undefined);
  });
});
