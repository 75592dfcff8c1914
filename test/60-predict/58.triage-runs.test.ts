import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from '../../lib/index.js';
import type {
  OpenOptions,
  PredictionResult,
  PredictOptions,
  Predictor,
  RunEvent,
  WindowResult,
} from '../../lib/index.js';
import { randomModel } from '../../lib/models/random/random-model.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { calibrated } from '../../lib/scoring/frame-scores.js';
import { importGolden, installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const TEMPERATURE = 1.5;
/** Batches differ from those of a run with one model, which may change the last digits. */
const TOLERANCE = 1e-5;

const isWindow = (result: PredictionResult): result is WindowResult => result.kind === 'window';

describe('a run with triage', () => {
  let installed: InstalledModel;
  let rule: { othersBelow: number; virusAtLeast: number };
  let ofSmall: WindowResult[];
  let ofLarge: WindowResult[];
  let predictor: Predictor;
  let undisturbed: unknown[];
  let events: RunEvent[] = [];
  let number = 0;

  const openLarge = (options: Partial<OpenOptions> = {}): Promise<Predictor> =>
    open({
      ...{ model: 'large', models: installed.models, precision: 'fp32', devices: ['cpu'], threads: 1 },
      // Small batches, so that there are many.
      ...{ proteinBatchTokens: 200, dnaBatchTokens: 200, onEvent: (event) => events.push(event) },
      ...options,
    });

  async function all(from: Predictor, options: PredictOptions = {}): Promise<unknown[]> {
    const results: unknown[] = [];
    for await (const result of from.predict(INPUT, options)) results.push(result);
    return results;
  }

  async function windowsOf(model: string, options: PredictOptions = {}): Promise<WindowResult[]> {
    const alone = await openLarge({ model });
    const results: PredictionResult[] = [];
    for await (const result of alone.predict(INPUT, options)) results.push(result);
    await alone.close();
    return results.filter(isWindow);
  }

  before(async () => {
    installed = await installGoldenModel();
    const registry = new ModelRegistry(installed.models);
    const { addon } = loadAddon();
    await randomModel({ name: 'large', protein: 'esm2_tiny', dna: 'dnabert_tiny', dtype: 'float32', registry, addon });
    const scores = (await windowsOf('golden')).flatMap(({ virusScore, decidingFrame }) =>
      virusScore === undefined ? [] : [calibrated(decidingFrame!.others, virusScore, TEMPERATURE)[1]],
    );
    scores.sort((one, other) => one - other);
    // Between two windows' scores, so that no last digit decides.
    const between = (index: number): number => (scores[index - 1]! + scores[index]!) / 2;
    const third = Math.floor(scores.length / 3);
    rule = { othersBelow: between(third), virusAtLeast: between(scores.length - third) };
    const calibration = join(installed.models, 'calibration.json');
    writeFileSync(calibration, JSON.stringify({ temperature: TEMPERATURE, triage: [{ chunkSize: 500, ...rule }] }));
    await importGolden(installed.models, { name: 'small', calibration });
    ofSmall = await windowsOf('small');
    ofLarge = await windowsOf('large');
    predictor = await openLarge({ triage: 'small' });
    undisturbed = await all(predictor);
  });
  after(async () => {
    await predictor.close();
    installed.remove();
  });
  beforeEach(() => {
    events = [];
  });

  function checkWindows(results: readonly unknown[], small: readonly WindowResult[]): number {
    const windows = (results as PredictionResult[]).filter(isWindow);
    assert.equal(windows.length, ofLarge.length);
    let decided = 0;
    for (const [index, window] of windows.entries()) {
      const { virusScore } = ofSmall[index]!;
      const isSure = virusScore !== undefined && (virusScore < rule.othersBelow || virusScore >= rule.virusAtLeast);
      const expected = isSure ? small[index]! : ofLarge[index]!;
      if (isSure) decided++;
      assert.equal(window.model, expected.model);
      assert.deepEqual(
        window.frames.map(({ frame }) => frame),
        expected.frames.map(({ frame }) => frame),
      );
      for (const [position, { others, virus }] of window.frames.entries()) {
        assert.ok(Math.abs(others - expected.frames[position]!.others) <= TOLERANCE);
        assert.ok(Math.abs(virus - expected.frames[position]!.virus) <= TOLERANCE);
      }
    }
    return decided;
  }

  it('has the scores of the small model where that is sure, else those of the large one', () => {
    const decided = checkWindows(undisturbed, ofSmall);
    assert.ok(decided >= 2 && decided <= ofLarge.length - 2, String(decided));
    const models = new Set(ofSmall.map(({ model }) => model));
    assert.ok(models.has('small') && !models.has('large'));
  });

  it('counts what was spared, and what each worker did', async () => {
    const prediction = predictor.predict(INPUT);
    for await (const _ of prediction);
    const { counts, devices, framesDone, framesSpared, triage } = prediction.summary;
    const decided = (undisturbed as PredictionResult[]).filter(isWindow).filter(({ model }) => model === 'small');
    const spared = decided.reduce((sum, { frames }) => sum + frames.length, 0);
    assert.deepEqual([counts.windowsTriaged, counts.framesSpared, framesSpared], [decided.length, spared, spared]);
    assert.deepEqual([framesDone, triage.framesDone], [counts.framesFound, counts.framesFound]);
    assert.deepEqual(
      devices.map(({ id, frames }) => [id, frames]),
      [
        ['cpu', counts.framesFound - spared],
        ['triage:cpu', counts.framesFound],
      ],
    );
    const { workers, frames, framesFound } = prediction.status();
    assert.deepEqual([frames, framesFound, workers.length], [framesDone, framesDone, 2]);
    assert.deepEqual([predictor.triage?.model.name, predictor.triage?.othersBelow], ['small', rule.othersBelow]);
  });

  it('decides by calibrated scores where those of its results are not', async () => {
    const uncalibrated = await all(predictor, { calibration: false });
    checkWindows(uncalibrated, await windowsOf('small', { calibration: false }));
    assert.notDeepEqual(uncalibrated, undisturbed);
  });

  it('gives the same results whatever the number of workers', async () => {
    for (const workers of [2, 3]) {
      const other = await openLarge({ triage: 'small', workers, threads: workers });
      assert.deepEqual(await all(other), undisturbed);
      assert.equal(other.devices.length, 2 * workers);
      await other.close();
    }
  });

  it('takes other thresholds, also for a model without any', async () => {
    for (const model of ['small', 'golden']) {
      const other = await openLarge({ triage: { model, othersBelow: 0.5, virusAtLeast: 0.5 } });
      const windows = ((await all(other)) as PredictionResult[]).filter(isWindow);
      assert.ok(windows.every((window) => window.model === (window.frames.length === 0 ? '' : model)));
      await other.close();
    }
  });

  for (const after of [1, 2, 5, 9]) {
    it(`that was cut short after ${after} results goes on from there, and every frame is computed once`, async () => {
      const journal = join(installed.models, `journal-${number++}`);
      const ended = new AbortController();
      let results = 0;
      await assert.rejects(
        async () => {
          for await (const _ of predictor.predict(INPUT, { journal, signal: ended.signal })) {
            if (++results === after) ended.abort('enough');
          }
        },
        (reason) => reason === 'enough',
      );
      const again = predictor.predict(INPUT, { journal });
      const seen: unknown[] = [];
      for await (const result of again) seen.push(result);
      assert.deepEqual(seen, undisturbed);
      const continued = events.find((event) => event.event === 'continued');
      const { counts, devices, triage, framesSpared } = again.summary;
      assert.ok(continued && continued.framesTriaged > 0);
      assert.equal(triage.framesJournaled, continued.framesTriaged);
      assert.equal(devices[0]!.frames + continued.frames, counts.framesFound - framesSpared);
      assert.equal(devices[1]!.frames + continued.framesTriaged, counts.framesFound);
      const last = predictor.predict(INPUT, { journal });
      for await (const _ of last);
      assert.equal(last.summary.framesJournaled, last.summary.framesDone);
      assert.deepEqual(
        last.summary.devices.map(({ frames }) => frames),
        [0, 0],
      );
    });
  }

  it('goes on with no journal of a run with other triage, or with none, and says what differs', async () => {
    const journal = join(installed.models, `journal-${number++}`);
    await all(predictor, { journal });
    const wanted: [OpenOptions['triage'], RegExp][] = [
      [undefined, /triage model [0-9a-f]{12}.*triage model none/],
      [
        { model: 'small', othersBelow: 0 },
        /score below which triage decides 0\.\d+, and .*score below which triage decides 0\./,
      ],
      [{ model: 'golden', ...rule }, /temperature of triage 1\.5, and .*temperature of triage 1\./],
    ];
    for (const [triage, message] of wanted) {
      const other = await openLarge(triage === undefined ? {} : { triage });
      await assert.rejects(all(other, { journal }), { code: 'VNP_RESUME', message });
      await other.close();
    }
    const alone = await openLarge();
    const plain = join(installed.models, `journal-${number++}`);
    await all(alone, { journal: plain });
    await alone.close();
    assert.ok(existsSync(plain));
    await assert.rejects(all(predictor, { journal: plain }), { code: 'VNP_RESUME', message: /triage model none/ });
  });

  it('is refused with a reason', async () => {
    const refused: [OpenOptions['triage'], string, RegExp][] = [
      ['large', 'VNP_USAGE', /a model other than large/],
      ['golden', 'VNP_USAGE', /thresholds for windows of 500 bases.*golden, which has none.*`othersBelow`/],
      [{ model: 'golden', othersBelow: 0.1 }, 'VNP_USAGE', /thresholds for windows of 500 bases/],
      [{ model: 'small', othersBelow: 1 }, 'VNP_USAGE', /at most .* but received 1/],
      [{ model: 'small', othersBelow: 2 }, 'VNP_ARGUMENT', /0 to 1 for othersBelow but received 2/],
      [{ model: 'small', below: 1 } as unknown as string, 'VNP_ARGUMENT', /othersBelow, virusAtLeast for triage/],
      ['missing', 'VNP_MODEL_MISSING', /missing/],
    ];
    for (const [triage, code, message] of refused) {
      await assert.rejects(openLarge({ triage: triage! }), { code, message });
    }
    // The same archives under another name.
    await assert.rejects(openLarge({ model: 'golden', triage: 'small' }), {
      code: 'VNP_USAGE',
      message: /save nothing/,
    });
    assert.throws(() => predictor.predict(INPUT, { embeddings: true }), {
      code: 'VNP_USAGE',
      message: /embeddings/,
    });
  });

  it('is refused for windows of a length that nobody has measured', async () => {
    const registry = new ModelRegistry(installed.models);
    const { addon } = loadAddon();
    await randomModel({ name: 'short', protein: 'esm2_tiny', dna: 'dnabert_tiny', chunkSize: 300, registry, addon });
    await assert.rejects(openLarge({ model: 'short', triage: 'small' }), {
      code: 'VNP_USAGE',
      message: /windows of 300 bases .* small, which has them for windows of 500/,
    });
  });
});
