import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '../../lib/index.js';
import type { FrameScore, PredictOptions, Predictor } from '../../lib/index.js';
import { calibrated } from '../../lib/scoring/frame-scores.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { EmbeddingClassifier } from '../../lib/predict/embedding-classifier.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const TEMPERATURE = 2.5;
/** Rounding of a float32 softmax. */
const ROUNDING = 1e-6;

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
      assert.equal(result.virusScore, result.decidingFrame?.virus);
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
