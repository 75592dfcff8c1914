import assert from 'node:assert/strict';
import { open } from '../../lib/index.js';
import { EmbeddingClassifier } from '../../lib/models.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { largestDifference } from '../safetensors.js';

/** Matrix products of other sizes sum in another order. */
const ROUNDING = 1e-6;

describe('a classifier alone', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  it('gives the scores of the run that the embeddings are from', async () => {
    const options = { model: 'golden', models: installed.models, threads: 1 };
    const predictor = await open({ ...options, devices: 'cpu', precision: 'fp32' });
    const embeddings: number[] = [];
    const scores: number[] = [];
    const input = fixture('golden', 'end_to_end', 'input.fa');
    for await (const result of predictor.predict(input, { embeddings: true })) {
      if (result.kind === 'contig') continue;
      for (const { embedding, others, virus } of result.frames) {
        embeddings.push(...embedding!);
        scores.push(others, virus);
      }
    }
    await predictor.close();
    const classifier = await EmbeddingClassifier.open(options);
    assert.equal(embeddings.length, (scores.length / 2) * classifier.width);
    const again = await classifier.classify(Float32Array.from(embeddings));
    assert.ok(largestDifference(again, scores) <= ROUNDING);
    await classifier.close();
  });

  it('refuses what are no whole rows, and calls after its end', async () => {
    const classifier = await EmbeddingClassifier.open({ models: installed.models, threads: 1 });
    const part = new Float32Array(classifier.width + 1);
    await assert.rejects(classifier.classify(part), { code: 'VNP_ARGUMENT', message: /rows of 112 numbers/ });
    await classifier.close();
    await assert.rejects(classifier.classify(new Float32Array(classifier.width)), { code: 'VNP_CLOSED' });
  });
});
