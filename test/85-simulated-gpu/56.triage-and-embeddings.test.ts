import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomModel } from '../../lib/models/random/random-model.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { alike } from '../simulated-gpu/machine.js';
import { manifestOf, resultsOf, scoreDifference, type Prediction } from '../simulated-gpu/predict.js';
import { readReport } from '../simulated-gpu/report.js';
import { SimulatedRuns, SMALL_BATCHES } from '../simulated-gpu/simulated-runs.js';

const RECORDS = 24;
const EXACT = ['--precision', 'fp32'];
/** Sure of some windows, but not of all. */
const TRIAGE = ['--triage', 'small', '--triage-others-below', '0.0005', '--triage-virus-at-least', '0.9999'];

function framesOf(run: Prediction, isMeant: (id: string) => boolean): number {
  return manifestOf(run)
    .devices.filter(({ id }) => isMeant(id))
    .reduce((sum, { frames }) => sum + frames, 0);
}

describe('virnucpro predict on simulated GPUs', () => {
  let runs: SimulatedRuns | undefined;
  let input: string;
  before(async function () {
    runs = await SimulatedRuns.open(this);
    input = runs.input(RECORDS);
    await randomModel({
      ...{ name: 'small', protein: 'esm2_tiny', dna: 'dnabert_tiny', dtype: 'float32' },
      ...{ registry: new ModelRegistry(runs.models), addon: loadAddon().addon },
    });
  });
  after(() => runs?.remove());

  it('has a small model and a large one on each GPU, on streams of their own, with the scores of the CPU', async () => {
    const args = ['--model', 'golden', ...EXACT, ...TRIAGE, ...SMALL_BATCHES];
    const report = join(runs!.folder, 'triage.json');
    const run = await runs!.predict('triage', { gpus: alike(2, { delay: 50 }), report }, input, args);
    assert.equal(run.end, 0, run.errors);
    const frames = (prefix: string): number => framesOf(run, (id) => id.startsWith(prefix));
    assert.equal(frames('triage:'), 6 * RECORDS);
    assert.ok(frames('cuda:') > 0 && frames('cuda:') < 6 * RECORDS, `${frames('cuda:')} frames`);
    // The default stream, and one for each model.
    for (const { streams } of readReport(report).devices) assert.ok(streams >= 3, `${streams} streams`);
    const onCpu = await runs!.predict('triage-cpu', { gpus: alike(1) }, input, [...args, '--device', 'cpu']);
    const difference = scoreDifference(run, onCpu);
    assert.ok(difference < 1e-5, `${difference}`);
    const again = await runs!.predict('triage-one', { gpus: alike(1) }, input, args);
    assert.equal(resultsOf(again), resultsOf(run));
  });

  it('writes the embeddings of every scored frame, the same from one GPU and from four', async () => {
    const embeddings = ({ folder }: Prediction): Buffer => readFileSync(join(folder, 'embeddings.f32'));
    const args = ['--model', 'golden', '--save-embeddings', ...SMALL_BATCHES];
    const [one, four] = [
      await runs!.predict('embeddings-1', { gpus: alike(1) }, input, args),
      await runs!.predict('embeddings-4', { gpus: alike(4) }, input, args),
    ];
    assert.deepEqual([one.end, four.end], [0, 0], one.errors + four.errors);
    assert.ok(embeddings(one).length > 0);
    assert.ok(embeddings(four).equals(embeddings(one)));
  });
});
