import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { open } from '../../lib/index.js';
import type { FrameScore, PredictOptions, Predictor } from '../../lib/index.js';
import { EmbeddingClassifier } from '../../lib/models.js';
import { calibrateAll, calibrated } from '../../lib/predict/calibration.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const TEMPERATURE = 2.5;
/** Of a float32 softmax. */
const ROUNDING = 1e-6;

/** In float64, rounded as the classifier rounds. */
function softmax(others: number, virus: number, temperature = 1): [number, number] {
  const [one, two] = [Math.exp(others / temperature), Math.exp(virus / temperature)];
  return [Math.fround(one / (one + two)), Math.fround(two / (one + two))];
}

const logit = fc.double({ min: -20, max: 20, noNaN: true });
const temperature = fc.double({ min: 0.05, max: 20, noNaN: true });

describe('calibration', () => {
  it('gives the softmax of the logits divided by the temperature', () => {
    fc.assert(
      fc.property(logit, logit, fc.double({ min: 0.5, max: 10, noNaN: true }), (others, virus, divisor) => {
        const found = calibrated(...softmax(others, virus), divisor);
        softmax(others, virus, divisor).forEach((score, at) => assert.ok(Math.abs(found[at]! - score) <= ROUNDING));
      }),
    );
  });

  it('keeps the order of frames, and of classes but for a rounding, within 0 to 1', () => {
    fc.assert(
      fc.property(fc.tuple(logit, logit), fc.tuple(logit, logit), temperature, (first, second, divisor) => {
        const [one, other] = [softmax(...first), softmax(...second)];
        const [calibratedOne, calibratedOther] = [calibrated(...one, divisor), calibrated(...other, divisor)];
        // Both say it: near 0 and 1 one of the two has no digits left.
        if (one[1] >= other[1] && one[0] <= other[0]) assert.ok(calibratedOne[1] >= calibratedOther[1]);
        if (one[1] >= one[0]) assert.ok(calibratedOne[1] >= calibratedOne[0]);
        else assert.ok(calibratedOne[1] <= calibratedOne[0]);
        for (const score of calibratedOne) {
          assert.ok(score >= 0 && score <= 1);
          assert.equal(score, Math.fround(score));
        }
      }),
    );
  });

  it('leaves scores as they are at temperature 1, bit by bit', () => {
    fc.assert(
      fc.property(logit, logit, (others, virus) => {
        const scores = softmax(others, virus);
        assert.deepEqual([...calibrated(...scores, 1)], scores);
      }),
    );
  });

  it('gives a number for scores that are 0 or 1', () => {
    assert.deepEqual(calibrated(0, 1, 3), [0, 1]);
    assert.deepEqual(calibrated(1, 0, 3), [1, 0]);
    assert.deepEqual(calibrated(0.5, 0.5, 3), [0.5, 0.5]);
  });

  it('does the same for many frames', () => {
    const scores = Float32Array.of(0.25, 0.75, 1, 0);
    calibrateAll(scores, 2);
    assert.deepEqual([...scores], [...calibrated(0.25, 0.75, 2), 1, 0]);
  });
});

describe('a run with a calibrated model', () => {
  let folder: string;
  let installed: InstalledModel;
  let predictor: Predictor;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-calibration-'));
    const calibration = join(folder, 'calibration.json');
    writeFileSync(calibration, JSON.stringify({ temperature: TEMPERATURE }));
    installed = await installGoldenModel({ calibration });
    predictor = await open({ models: installed.models, precision: 'fp32', devices: 'cpu', threads: 1 });
  });
  after(async () => {
    await predictor.close();
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  async function framesOf(options?: PredictOptions): Promise<FrameScore[]> {
    const frames: FrameScore[] = [];
    for await (const result of predictor.predict(INPUT, options)) {
      if (result.kind !== 'window') continue;
      frames.push(...result.frames);
      assert.equal(result.virusScore, result.bestFrame?.virus);
    }
    return frames;
  }

  const scoresOf = (frames: readonly FrameScore[]): number[] => frames.flatMap(({ others, virus }) => [others, virus]);
  const calibratedScores = (frames: readonly FrameScore[]): number[] =>
    frames.flatMap(({ others, virus }) => calibrated(others, virus, TEMPERATURE));

  it('has calibrated scores, unless they are not wanted', async () => {
    const [raw, found] = [await framesOf({ calibration: false }), await framesOf()];
    assert.ok(raw.length > 0);
    assert.deepEqual(scoresOf(found), calibratedScores(raw));
    assert.notDeepEqual(scoresOf(found), scoresOf(raw));
  });

  it('says at which temperature its scores are', () => {
    assert.equal(predictor.predict(INPUT).temperature, TEMPERATURE);
    assert.equal(predictor.predict(INPUT, { calibration: false }).temperature, 1);
  });

  it('keeps raw scores in its journal: one can be gone on with either way', async () => {
    const journal = join(folder, 'journal');
    const raw = await framesOf({ calibration: false, journal });
    const prediction = predictor.predict(INPUT, { journal });
    const frames: FrameScore[] = [];
    for await (const result of prediction) if (result.kind === 'window') frames.push(...result.frames);
    assert.equal(prediction.summary.framesJournaled, frames.length);
    assert.deepEqual(scoresOf(frames), calibratedScores(raw));
  });

  it('is refused what is neither true nor false', () => {
    const options = { calibration: 'no' as unknown as boolean };
    assert.throws(() => predictor.predict(INPUT, options), { code: 'VNP_ARGUMENT', message: /true or false/ });
  });

  it('is called the same by its classifier alone', async () => {
    const frames = await framesOf({ embeddings: true, calibration: false });
    const embeddings = Float32Array.from(frames.flatMap(({ embedding }) => [...embedding!]));
    for (const calibration of [true, false]) {
      const classifier = await EmbeddingClassifier.open({ models: installed.models, threads: 1, calibration });
      const scores = await classifier.classify(embeddings);
      assert.equal(classifier.temperature, calibration ? TEMPERATURE : 1);
      await classifier.close();
      const wanted = calibration ? calibratedScores(frames) : scoresOf(frames);
      wanted.forEach((score, at) => assert.ok(Math.abs(scores[at]! - score) <= ROUNDING));
    }
  });
});
