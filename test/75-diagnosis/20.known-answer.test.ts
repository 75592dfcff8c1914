import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listDevices } from '../../lib/diagnosis/device-list.js';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { boundsFor, checkKnownAnswer, judge } from '../../lib/diagnosis/known-answer-check.js';
import {
  EMBEDDING_STRIDE,
  KNOWN_ARCHITECTURES,
  KNOWN_VALUES,
  knownBatch,
  knownParameters,
  runKnownModel,
  writeKnownModel,
} from '../../lib/diagnosis/known-model.js';
import type { KnownModel } from '../../lib/diagnosis/known-model.js';
import { largestDifference } from '../safetensors.js';
import { classified, dnabertMean, esm2Mean, weightsOf } from './float64-forward.js';

const { dna, protein, classifier } = KNOWN_ARCHITECTURES;

function sequencesOf({ tokens, offsets }: PackedTokens): number[][] {
  return Array.from({ length: offsets.length - 1 }, (_, i) => [...tokens.subarray(offsets[i], offsets[i + 1])]);
}

/** Embeddings and scores of every frame in float64. */
function computePlainly(dnaSequences: number[][], proteinSequences: number[][]) {
  const [dnaWeights, proteinWeights, classifierWeights] = [dna, protein, classifier].map((architecture) =>
    weightsOf(knownParameters(architecture)),
  );
  const embeddings = dnaSequences.map((sequence, frame) => [
    ...dnabertMean(sequence, dna, dnaWeights!),
    ...esm2Mean(proteinSequences[frame]!, protein, proteinWeights!),
  ]);
  return { embeddings, scores: embeddings.map((row) => classified(row, classifier, classifierWeights!)) };
}

describe('the known answer', () => {
  const batch = knownBatch();
  const truth = computePlainly(sequencesOf(batch.dna), sequencesOf(batch.protein));
  let folder: string;
  let model: KnownModel;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-known-'));
    model = await writeKnownModel(folder, loadAddon().addon);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is what a plain computation in float64 gives', () => {
    const entries = truth.embeddings.map((row) => row.filter((_, index) => index % EMBEDDING_STRIDE === 0));
    assert.ok(largestDifference(KNOWN_VALUES.embeddings.flat(), entries.flat()) <= 1e-7);
    assert.ok(
      largestDifference(
        KNOWN_VALUES.virusScores,
        truth.scores.map((row) => row[1]!),
      ) <= 1e-7,
    );
  });

  it('says something: no score is near 0, 1 or another', () => {
    const scores = [...KNOWN_VALUES.virusScores, 0, 1].sort((one, other) => one - other);
    for (let i = 1; i < scores.length; i++) assert.ok(scores[i]! - scores[i - 1]! > 0.02, scores.join(' '));
  });

  for (const engine of ['packed', 'torchscript'] as const) {
    it(`is what the ${engine} engine gives in float32, in every entry`, async () => {
      const run = await runKnownModel(loadAddon().addon, model, { device: 'cpu', precision: 'fp32', engine });
      assert.ok(largestDifference(run.embeddings, truth.embeddings.flat()) <= 1e-5);
      assert.ok(largestDifference(run.scores, truth.scores.flat()) <= 1e-5);
    });
  }

  for (const precision of ['bf16', 'fp16'] as const) {
    it(`is met in ${precision} within its bound, and not to the digit`, async () => {
      const run = await runKnownModel(loadAddon().addon, model, { device: 'cpu', precision, engine: 'packed' });
      const difference = largestDifference(run.embeddings, truth.embeddings.flat());
      assert.ok(difference <= boundsFor('cpu', precision).embeddings, `off by ${difference}`);
      assert.ok(difference > boundsFor('cpu', 'fp32').embeddings, `off by only ${difference}: was it ${precision}?`);
    });
  }

  it('tells a sequence from its mirror image, in the stored entries and by twice the bound of bf16', () => {
    const mirrored = (sequences: number[][]) =>
      sequences.map((one) => [one[0]!, ...one.slice(1, -1).reverse(), one.at(-1)!]);
    const other = computePlainly(mirrored(sequencesOf(batch.dna)), mirrored(sequencesOf(batch.protein)));
    for (const [part, first, last] of [
      ['dna', 0, dna.width],
      ['protein', dna.width, classifier.inputs],
    ] as const) {
      const stored = (rows: number[][]) =>
        rows.flatMap((row) => row.filter((_, d) => d >= first && d < last && d % EMBEDDING_STRIDE === 0));
      const difference = largestDifference(stored(truth.embeddings), stored(other.embeddings));

      assert.ok(difference > 2 * boundsFor('cpu', 'bf16').embeddings, `${part}: ${difference}`);
    }
  });

  describe('as it is judged', () => {
    const right = { scores: truth.scores.flat(), embeddings: truth.embeddings.flat() };
    const both = [
      { engine: 'packed', precision: 'fp32', ...right },
      { engine: 'torchscript', precision: 'fp32', ...right },
    ] as const;
    const verdicts = (...changed: Parameters<typeof judge>[1]) => judge('cpu', changed).map(({ isWithin }) => isWithin);
    const changedAt = (values: readonly number[], index: number, by: number) =>
      values.map((value, i) => (i === index ? value + by : value));

    it('passes the truth', () => {
      assert.deepEqual(verdicts(...both), [true, true, true]);
    });
    it('names the run whose score or embedding is off by more than the bound', () => {
      const packed = { ...both[0], scores: changedAt(right.scores, 3, 3e-5) };
      assert.deepEqual(verdicts(packed, both[1]), [false, true, false]);
      const torchscript = { ...both[1], embeddings: changedAt(right.embeddings, EMBEDDING_STRIDE, 3e-5) };
      assert.deepEqual(verdicts(both[0], torchscript), [true, false, false]);
    });
    it('sees in the engines what is not among the stored entries', () => {
      const packed = { ...both[0], embeddings: changedAt(right.embeddings, EMBEDDING_STRIDE + 1, 3e-5) };
      assert.deepEqual(verdicts(packed, both[1]), [true, true, false]);
    });
    it('lets a value that is no number, or is missing, pass in no precision', () => {
      for (const precision of ['fp32', 'bf16'] as const) {
        const one = { engine: 'packed', precision } as const;
        assert.deepEqual(verdicts({ ...one, ...right, scores: changedAt(right.scores, 1, NaN) }), [false]);
        assert.deepEqual(verdicts({ ...one, ...right, embeddings: [] }), [false]);
        assert.deepEqual(verdicts({ ...one, ...right, scores: right.scores.slice(2) }), [false]);
      }
    });
    it('allows ten times more in float32 on a GPU', () => {
      const off = { ...both[0], scores: changedAt(right.scores, 3, 3e-5) };
      assert.deepEqual(
        judge('cuda:0', [off]).map(({ isWithin }) => isWithin),
        [true],
      );
    });
  });

  it('fails with the reason on a device that there is not', async () => {
    const missing = { ...listDevices(loadAddon().addon.devices(), { state: 'absent' })[0]!, id: 'cuda:99' };
    const check = await checkKnownAnswer({ ...missing, automaticPrecision: 'bf16' });
    assert.equal(check.status, 'failed');
    assert.match(check.found, /^the packed engine in fp32 failed: Expected one of cpu.* but received cuda:99/);
    assert.match(check.next!, /nvidia-smi/);
  });
});
