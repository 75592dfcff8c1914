import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { alike } from '../simulated-gpu/machine.js';
import { manifestOf, named, resultsOf, scoreDifference, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedRuns, SMALL_BATCHES } from '../simulated-gpu/simulated-runs.js';

const RECORDS = 40;
const EXACT = ['--precision', 'fp32'];

/** Letters with a stop codon in every frame but one. */
function oneFrame(codons: number): string {
  const next = seededNumbers(3);
  const codon = (): string => Array.from({ length: 3 }, () => 'ACGT'[(next() >>> 8) % 4]).join('');
  return Array.from({ length: codons }, () => {
    for (;;) {
      const drawn = codon();
      if (!['TAA', 'TAG', 'TGA'].includes(drawn)) return drawn;
    }
  }).join('');
}

function failedFiles({ folder }: Prediction): string {
  const path = join(folder, 'failed_files.txt');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

describe('virnucpro predict, when simulated GPUs fail', () => {
  let runs: SimulatedRuns | undefined;
  let input: string;
  let whole: Prediction;
  before(async function () {
    runs = await SimulatedRuns.open(this);
    input = runs.input(RECORDS);
    whole = await runs.predict('whole', { gpus: alike(1) }, input, [...EXACT, ...SMALL_BATCHES]);
    assert.equal(whole.end, 0, whole.errors);
  });
  after(() => runs?.remove());

  it('goes on without one that is lost in the middle, and gives the same results', async () => {
    const machine = { gpus: [{}, { fault: 'lost@1500' as const }] };
    const run = await runs!.predict('one-lost', machine, input, [...EXACT, ...SMALL_BATCHES]);
    assert.equal(run.end, 0, run.errors);
    assert.equal(resultsOf(run), resultsOf(whole));
    const lost = named(run, 'device-lost');
    assert.deepEqual(
      lost.map(({ device }) => device),
      ['cuda:1'],
    );
    assert.match(String(lost[0]!['msg']), /unspecified launch failure.* cuda:0 continues without it/);
    const [first, second] = manifestOf(run).devices;
    assert.equal(first!.frames + second!.frames, 6 * RECORDS);
    assert.ok(second!.frames > 0 && second!.frames < first!.frames, 'the lost one had a part');
  });

  it('ends early where the last is lost, keeps what is finished, and goes on from there on another', async () => {
    const machine = { gpus: alike(1, { fault: 'lost@2500' }) };
    const run = await runs!.predict('all-lost', machine, input, [...EXACT, ...SMALL_BATCHES]);
    assert.equal(run.end, 1);
    assert.match(run.errors, /No device is left\. The last one was lost/);
    // However many batches were under way, the end reports it once.
    assert.equal(manifestOf(run).warnings.filter((warning) => warning.includes('without a score')).length, 1);
    const done = manifestOf(run).devices[0]!.frames;
    assert.ok(done > 0 && done < 6 * RECORDS, `${done} frames`);
    const failures = failedFiles(run).trimEnd().split('\n');
    assert.ok(failures.length > 0);
    for (const line of failures) {
      const [path, part] = line.split('|');
      assert.equal(path, input);
      assert.match(part!, /^(ESM-2|DNABERT-S|batch)$/);
    }
    const resumed = await runs!.predict('all-lost', { gpus: alike(2) }, input, ['--resume']);
    assert.equal(resumed.end, 0, resumed.errors);
    const [continued] = named(resumed, 'continued');
    assert.ok((continued!['frames'] as number) > 0);
    assert.equal(resultsOf(resumed), resultsOf(whole));
    assert.equal(failedFiles(resumed), '');
  });

  it('splits batches that a GPU has no memory for, and gives the same scores', async () => {
    // Room for the weights and for part of a batch of all frames.
    const machine = { gpus: [{ memory: 0.02 }, {}] };
    const large = ['--esm-batch-size', '16384', '--dnabert-batch-size', '16384'];
    const run = await runs!.predict('full', machine, input, [...EXACT, ...large]);
    assert.equal(run.end, 0, run.errors);
    const splits = named(run, 'batch-split');
    assert.ok(splits.length > 0, 'nothing was split');
    for (const { device, code } of splits) assert.deepEqual([device, code], ['cuda:0', 'VNP_MEMORY']);
    const difference = scoreDifference(run, whole);
    assert.ok(difference < 1e-5, `${difference}`);
    assert.ok(manifestOf(run).devices.every(({ frames }) => frames > 0));
  });

  it('splits a batch that cuBLAS has no room beside, and gives the same scores', async () => {
    const machine = { gpus: alike(1, { fault: 'crowded@1500' }) };
    const run = await runs!.predict('crowded', machine, input, [...EXACT, ...SMALL_BATCHES]);
    assert.equal(run.end, 0, run.errors);
    const splits = named(run, 'batch-split');
    assert.deepEqual(
      splits.map(({ device, code }) => [device, code]),
      [['cuda:0', 'VNP_MEMORY']],
    );
    assert.match(JSON.stringify(splits), /CUBLAS_STATUS_NOT_INITIALIZED/);
    const difference = scoreDifference(run, whole);
    assert.ok(difference < 1e-5, `${difference}`);
  });

  it('names what cannot fit alone, and ends with exit code 2 and the rest done', async () => {
    const path = join(runs!.folder, 'one-long.fa');
    const short = (from: number): string =>
      Array.from({ length: 4 }, (_, index) => `>short_${from + index}\n${'ACG'.repeat(12)}\n`).join('');
    writeFileSync(path, `${short(0)}>long\n${oneFrame(166)}\n${short(4)}`);
    // Room for the weights and a short frame.
    const machine = { gpus: alike(1, { memory: 1.5 / 1024 }) };
    const args = [...EXACT, '--device', 'cuda:0', '--esm-batch-size', '64', '--dnabert-batch-size', '64'];
    const run = await runs!.predict('too-long', machine, path, args);
    assert.equal(run.end, 2, run.errors);
    assert.match(failedFiles(run), new RegExp(`^${path}\\|(ESM-2|DNABERT-S|batch)\\|.*out of memory.*\n$`));
    const { counts, outcome } = manifestOf(run);
    assert.deepEqual([counts.windowsFailed, outcome], [1, 'partial']);
    assert.match(run.errors, /1 frame without a score: .*out of memory/);
  });

  for (const fault of ['unopenable', 'taken'] as const) {
    it(`leaves out one that is ${fault} where nobody asked for it, and says so`, async () => {
      const run = await runs!.predict(fault, { gpus: [{ fault }, {}] }, input, [...EXACT, ...SMALL_BATCHES]);
      assert.equal(run.end, 0, run.errors);
      const left = named(run, 'device-left-out');
      assert.deepEqual(
        left.map(({ device }) => device),
        ['cuda:0'],
      );
      assert.match(String(left[0]!['reason']), fault === 'taken' ? /busy or unavailable/ : /initialization error/);
      assert.deepEqual(
        named(run, 'device').map(({ device }) => device),
        ['cuda:1'],
      );
      assert.equal(resultsOf(run), resultsOf(whole));
    });
  }
});
