import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from '../../lib/index.js';
import type { ContinuedEvent } from '../../lib/predict/events.js';
import type { OpenOptions, Predictor, PredictOptions, RunEvent } from '../../lib/index.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { goldenTensors, largestDifference } from '../safetensors.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const TOLERANCE = 1e-5;

describe('a run with a journal', () => {
  let installed: InstalledModel;
  let predictor: Predictor;
  let undisturbed: unknown[];
  let journal: string;
  let events: RunEvent[];
  let number = 0;

  const openGolden = (options: Partial<OpenOptions> = {}): Promise<Predictor> =>
    open({
      ...{ model: 'golden', models: installed.models, precision: 'fp32', devices: ['cpu'], threads: 1 },
      // Small batches, so that there are many.
      ...{ proteinBatchTokens: 200, dnaBatchTokens: 200, onEvent: (event) => events.push(event) },
      ...options,
    });

  before(async () => {
    installed = await installGoldenModel();
    events = [];
    predictor = await openGolden();
    undisturbed = await all(INPUT);
  });
  after(async () => {
    await predictor.close();
    installed.remove();
  });
  beforeEach(() => {
    events = [];
    journal = join(installed.models, `journal-${number++}`);
  });

  async function all(input: string, options: PredictOptions = {}, from = predictor): Promise<unknown[]> {
    const results: unknown[] = [];
    for await (const result of from.predict(input, options)) results.push(result);
    return results;
  }

  /** Ends a run after `after` results. */
  async function cutShort(after: number, options: PredictOptions = {}): Promise<void> {
    const ended = new AbortController();
    let results = 0;
    await assert.rejects(
      async () => {
        for await (const _ of predictor.predict(INPUT, { journal, signal: ended.signal, ...options })) {
          if (++results === after) ended.abort('enough');
        }
      },
      (reason) => reason === 'enough',
    );
  }

  function continued(): ContinuedEvent[] {
    return events.filter((event) => event.event === 'continued');
  }

  it('gives the same results as one without, and can be repeated without computing anything', async () => {
    assert.deepEqual(await all(INPUT, { journal }), undisturbed);
    assert.deepEqual(continued(), []);
    const again = predictor.predict(INPUT, { journal });
    const results: unknown[] = [];
    for await (const result of again) results.push(result);
    assert.deepEqual(results, undisturbed);
    const { summary } = again;
    assert.ok(summary.framesDone > 0);
    assert.equal(summary.framesJournaled, summary.framesDone);
    assert.equal(
      summary.devices.reduce((sum, { frames }) => sum + frames, 0),
      0,
    );
    const [event] = continued();
    assert.equal(event?.frames, summary.framesDone);
    assert.equal(event.damagedBytes, 0);
    assert.ok(event.isOfSameDevices);
  });

  for (const after of [1, 2, 5, 9]) {
    it(`that was cut short after ${after} results goes on from there, and every frame is computed once`, async () => {
      await cutShort(after);
      const prediction = predictor.predict(INPUT, { journal });
      const results: unknown[] = [];
      for await (const result of prediction) results.push(result);
      assert.deepEqual(results, undisturbed);
      const { framesDone, framesJournaled, devices } = prediction.summary;
      const computed = devices.reduce((sum, { frames }) => sum + frames, 0);
      assert.equal(framesJournaled, continued()[0]?.frames);
      assert.equal(computed + framesJournaled, framesDone);
    });
  }

  it('computes again what is damaged, and nothing else', async () => {
    await all(INPUT, { journal });
    const bytes = readFileSync(journal);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(journal, bytes);
    const prediction = predictor.predict(INPUT, { journal });
    const results: unknown[] = [];
    for await (const result of prediction) results.push(result);
    assert.deepEqual(results, undisturbed);
    assert.equal(prediction.summary.devices[0]!.batches, 1);
  });

  it('of other input is refused, and the journal is as it was', async () => {
    await all(INPUT, { journal });
    const before = readFileSync(journal);
    const changed = join(installed.models, 'changed.fa');
    writeFileSync(changed, readFileSync(INPUT, 'utf8').replace(/ACGT/, 'ACGA'));
    await assert.rejects(all(changed, { journal }), {
      code: 'VNP_RESUME',
      message: /changed\.fa on differs from the input/,
    });
    assert.deepEqual(readFileSync(journal), before);
  });

  it('takes other names: scores belong to letters', async () => {
    await all(INPUT, { journal });
    const renamed = join(installed.models, 'renamed.fa');
    writeFileSync(renamed, readFileSync(INPUT, 'utf8').replaceAll('>', '>other_'));
    const prediction = predictor.predict(renamed, { journal });
    for await (const result of prediction) assert.match(result.contig, /^other_/);
    assert.equal(prediction.summary.framesJournaled, prediction.summary.framesDone);
  });

  it('with other tokens a batch, or another precision, is refused and says what differs', async () => {
    await all(INPUT, { journal });
    const wanted: [Partial<OpenOptions>, RegExp][] = [
      [{ proteinBatchTokens: 300 }, /ESM-2 batch tokens 200, .*ESM-2 batch tokens 300/],
      [{ precision: 'bf16' }, /precision fp32, .*precision bf16/],
      [{ engine: 'torchscript' }, /engine packed, .*engine torchscript/],
    ];
    for (const [options, message] of wanted) {
      const other = await openGolden(options);
      await assert.rejects(all(INPUT, { journal }, other), { code: 'VNP_RESUME', message });
      await other.close();
    }
    const embeddings = all(INPUT, { journal, embeddings: true });
    await assert.rejects(embeddings, { code: 'VNP_RESUME', message: /keeping of embeddings false, .*true/ });
  });

  it('leaves no journal when nothing was computed', async () => {
    const empty = join(installed.models, 'empty.fa');
    writeFileSync(empty, '');
    await all(empty, { journal });
    assert.equal(existsSync(journal), false);
  });

  it('whose journal cannot be made computes nothing', async () => {
    const nowhere = all(INPUT, { journal: join(installed.models, 'missing', 'journal') });
    await assert.rejects(nowhere, { code: 'VNP_OUTPUT', message: /missing/ });
  });

  it('gives the golden embeddings with the scores, also from the journal', async () => {
    const golden = goldenTensors(fixture('golden', 'end_to_end', 'embeddings.safetensors'));
    await cutShort(3, { embeddings: true });
    const rows: number[] = [];
    for await (const result of predictor.predict(INPUT, { journal, embeddings: true })) {
      if (result.kind === 'window') for (const { embedding } of result.frames) rows.push(...embedding!);
    }
    assert.ok(continued()[0]!.frames > 0);
    const [dna, protein] = [golden.get('dna')!, golden.get('protein')!];
    const expected = Array.from({ length: dna.shape[0]! }, (_, frame) =>
      [dna, protein].flatMap(({ values, shape }) => [...values.subarray(frame * shape[1]!, (frame + 1) * shape[1]!)]),
    ).flat();
    assert.equal(rows.length, expected.length);
    assert.ok(largestDifference(rows, expected) <= TOLERANCE);
  });
});
