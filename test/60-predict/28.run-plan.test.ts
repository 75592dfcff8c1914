import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describePlan, open, prepare } from '../../lib/index.js';
import type { OpenOptions, PredictOptions, Prediction, Predictor, PrepareOptions, RunEvent } from '../../lib/index.js';
import { importGolden, installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');

async function resultsOf(prediction: Prediction): Promise<unknown[]> {
  const results: unknown[] = [];
  for await (const result of prediction) results.push(result);
  return results;
}

describe('the plan of a run', () => {
  let installed: InstalledModel;
  let predictor: Predictor;
  const models = (): { models: string } => ({ models: installed.models });
  const exact: OpenOptions = { model: 'golden', precision: 'fp32', devices: ['cpu'], threads: 1 };
  const plan = (options: Partial<PrepareOptions> = {}) => prepare({ inputs: INPUT, ...exact, ...models(), ...options });

  before(async () => {
    installed = await installGoldenModel();
    const calibration = join(installed.models, 'calibration.json');
    writeFileSync(
      calibration,
      JSON.stringify({ temperature: 1.5, triage: [{ chunkSize: 500, othersBelow: 0.2, virusAtLeast: 0.8 }] }),
    );
    await importGolden(installed.models, { name: 'small', calibration });
    predictor = await open({ ...exact, ...models() });
  });
  after(async () => {
    await predictor.close();
    installed.remove();
  });

  it('decides what the options leave open', async () => {
    const { files, inputs, model, triage, settings, results, devices, journal } = await plan({ precision: 'auto' });
    assert.deepEqual(inputs, [INPUT]);
    assert.deepEqual(
      files.map(({ path }) => path),
      [INPUT],
    );
    assert.equal(model.name, 'golden');
    assert.deepEqual([triage, journal], [undefined, undefined]);
    assert.deepEqual(results.rule, { threshold: 0.5, minFraction: 0.5 });
    assert.equal(settings.engine, 'packed');
    assert.deepEqual(
      devices.workers.map(({ id, threads }) => [id, threads]),
      [['cpu', 1]],
    );
    assert.ok(['fp32', 'bf16'].includes(devices.precision));
  });

  it('is plain data, by which a model is opened and inputs are predicted', async () => {
    const copied = structuredClone(await plan({ threshold: 0.3 }));
    const opened = await open(copied);
    try {
      const prediction = opened.predict(copied);
      assert.deepEqual(await resultsOf(prediction), await resultsOf(predictor.predict(INPUT, { threshold: 0.3 })));
      assert.deepEqual((await prediction.plan()).results.rule, { threshold: 0.3, minFraction: 0.5 });
    } finally {
      await opened.close();
    }
  });

  it('is also that of a prediction without one, which looks at its inputs once', async () => {
    const prediction = predictor.predict([INPUT, INPUT]);
    const { files, warnings } = await prediction.plan();
    assert.equal(files.length, 2);
    assert.match(warnings.join('\n'), /input\.fa/);
    await resultsOf(prediction);
    assert.equal((await prediction.plan()).files, files);
    assert.deepEqual(
      prediction.summary.warnings.filter((text) => text === warnings[0]),
      [warnings[0]],
    );
  });

  it('tells of the inputs and the model as it finds them', async () => {
    const events: RunEvent[] = [];
    const told: string[] = [];
    const onWarning = (text: string): unknown => told.push(text);
    const inputs = [INPUT, INPUT];
    const { warnings } = await plan({ inputs, onWarning, onEvent: (event) => events.push(event) });
    assert.equal(told.length, 1);
    assert.deepEqual(told, warnings);
    assert.deepEqual(events, []);
  });

  it('takes the place of all options that decide results', async () => {
    const prepared = await plan();
    const handlers = { threshold: 0.3 } as PredictOptions;
    assert.throws(() => predictor.predict(prepared, handlers), { code: 'VNP_ARGUMENT', message: /"threshold"/ });
    await assert.rejects(open(prepared, { precision: 'fp32' } as object), {
      code: 'VNP_ARGUMENT',
      message: /"precision"/,
    });
  });

  it('is refused by a predictor of another model', async () => {
    await importGolden(installed.models, { name: 'other' });
    const prepared = await plan({ model: 'other' });
    assert.throws(() => predictor.predict(prepared), { code: 'VNP_ARGUMENT', message: /golden.*other/ });
  });

  const refused: Record<string, [Partial<PrepareOptions>, string, RegExp]> = {
    'an input that is not there': [{ inputs: 'no such.fa' }, 'VNP_INPUT_MISSING', /no such\.fa/],
    'a model that is not installed': [{ model: 'none' }, 'VNP_MODEL_MISSING', /none/],
    'a device that is not there': [{ devices: ['cuda:77'] }, 'VNP_DEVICE', /cuda:77/],
    'a threshold out of range': [{ threshold: 2 }, 'VNP_ARGUMENT', /threshold but received 2/],
    'triage by the model itself': [{ triage: 'golden' }, 'VNP_USAGE', /a model other than golden/],
    'a misspelt option': [{ treshold: 0.5 } as object, 'VNP_ARGUMENT', /"treshold"/],
    'an input of another type': [{ inputs: 7 as unknown as string }, 'VNP_ARGUMENT', /number/],
  };
  for (const [what, [options, code, message]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.rejects(plan(options), { code, message }));
  }

  it('refuses embeddings with triage', async () => {
    const triage = { model: 'small', othersBelow: 0.2, virusAtLeast: 0.8 };
    const large = { model: 'virnucpro-mini', triage, embeddings: true };
    await assert.rejects(plan(large), { code: 'VNP_USAGE', message: /cannot be combined with triage/ });
  });

  it('ends with the signal', () =>
    assert.rejects(plan({ signal: AbortSignal.abort('enough') }), (reason) => reason === 'enough'));

  it('of going on with a journal has what decides numbers from there', async () => {
    const journal = join(installed.models, 'journal');
    const ended = new AbortController();
    const batches = { proteinBatchTokens: 200, dnaBatchTokens: 200 };
    const opened = await open({ ...exact, ...models(), ...batches });
    let seen = 0;
    await assert.rejects(
      async () => {
        for await (const _ of opened.predict(INPUT, { journal, embeddings: true, signal: ended.signal })) {
          if (++seen === 8) ended.abort('enough');
        }
      },
      (reason) => reason === 'enough',
    );
    await opened.close();
    const { settings, results, devices, journal: continued } = await plan({ journal, precision: 'auto' });
    assert.equal(continued, journal);
    assert.deepEqual([settings.precision, devices.precision], ['fp32', 'fp32']);
    assert.deepEqual([settings.proteinBatchTokens, settings.dnaBatchTokens], [200, 200]);
    assert.equal(results.embeddings, true);
    await assert.rejects(plan({ journal, proteinBatchTokens: 300 }), { code: 'VNP_RESUME', message: /200.*300/ });
  });

  it('is a new run where there is no journal', async () => {
    const { journal } = await plan({ journal: join(installed.models, 'no journal') });
    assert.equal(journal, undefined);
  });

  it('is described a line for each thing that it decides', async () => {
    const lines = describePlan(await plan({ threshold: 0.7 })).join('\n');
    for (const line of [/^inputs +1 file of \d+ bytes$/m, /^model +golden, chunk size 500/m, /^triage +none$/m]) {
      assert.match(lines, line);
    }
    assert.match(lines, /^device +cpu: .*, 1 thread$/m);
    assert.match(lines, /^precision +fp32$/m);
    assert.match(lines, /^calls .*0\.7/m);
  });
});
