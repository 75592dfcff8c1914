import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoldenModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { alike } from '../simulated-gpu/machine.js';
import type { SimulatedGpu } from '../simulated-gpu/machine.js';
import { named, predict, resultsOf } from '../simulated-gpu/predict.js';
import type { Prediction } from '../simulated-gpu/predict.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';
import { virnucpro } from '../80-cli/command-line.js';

const FULL: SimulatedGpu = { free: 0.001 };

describe('GPUs that cannot be used', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-unfit-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const environment = (machine: readonly SimulatedGpu[]): Record<string, string> => gpus.environment({ gpus: machine });
  const run = (name: string, machine: readonly SimulatedGpu[], args: readonly string[] = []): Promise<Prediction> =>
    predict(fixture('input', 'contigs.fa'), join(folder!, name), ['--force', ...args], {
      environment: environment(machine),
    });
  const ids = (prediction: Prediction): unknown[] => named(prediction, 'device').map(({ device }) => device);
  const leftOut = (prediction: Prediction): unknown[][] =>
    named(prediction, 'device-left-out').map(({ device, reason }) => [device, reason]);

  const unfit: readonly (readonly [string, SimulatedGpu, RegExp])[] = [
    [
      'too old for this libtorch',
      { capability: '7.0' },
      /^too old for this libtorch: its capability is 7\.0, but there are kernels only for 7\.5 and/,
    ],
    ['full', FULL, /^full: 2 MiB free, but the weights and the smallest batch need \d+ MiB in BF16$/],
    ['not to be opened', { fault: 'unopenable' }, /^it did not open: .*\(VNP_[A-Z_]+\)$/],
    ['taken by another process', { fault: 'taken' }, /^it did not open: .*\(VNP_DEVICE\)$/],
    ['lost while it loads', { fault: 'lost@1' }, /^it did not open: .*\(VNP_[A-Z_]+\)$/],
  ];

  for (const [what, gpu, reason] of unfit) {
    it(`are left out where they are ${what}, and the others give what they would give alone`, async () => {
      const alone = await run('alone', alike(2));
      const prediction = await run('unfit', [{}, gpu, {}]);
      assert.equal(prediction.end, 0, prediction.errors);
      const [[device, said] = [], ...others] = leftOut(prediction);
      assert.deepEqual([device, others], ['cuda:1', []]);
      assert.match(String(said), reason);
      const summaries = named(prediction, 'device-summary').map((summary) => summary['device']);
      assert.deepEqual(summaries, ['cuda:0', 'cuda:2']);
      assert.equal(resultsOf(prediction), resultsOf(alone));
    });

    it(`are refused by name where they are ${what}`, async () => {
      // Too little memory is only noticed when it has run out.
      const refused = await run('by-name', [{}, gpu], ['--gpus', '0,1']);
      assert.equal(refused.end, 1, refused.errors);
      assert.deepEqual(leftOut(refused), []);
      assert.match(String(named(refused, 'failed')[0]?.['code']), /^VNP_/);
    });
  }

  it('end the run where there is no other, with the reason of each', async () => {
    const prediction = await run('none', [FULL, { capability: '6.1' }]);
    assert.equal(prediction.end, 1);
    const reason = String(named(prediction, 'failed')[0]?.['reason']);
    assert.match(reason, /cuda:1 is too old .* 6\.1, .*; cuda:0 is full: .*\. Choose the CPU \(--device cpu\)$/);
    const unopenable = await run('unopenable', alike(2, { fault: 'unopenable' }));
    assert.equal(unopenable.end, 1);
    assert.match(String(named(unopenable, 'failed')[0]?.['reason']), /^No GPU can be used\. cuda:0: .*; cuda:1: /);
  });

  it('are used for neither model of a run with triage', async () => {
    const installed = await installGoldenModel();
    const rule = ['--triage-others-below', '0.3', '--triage-virus-at-least', '0.7'];
    const args = ['--force', '--model', 'golden', '--triage', 'mini', ...rule];
    try {
      const prediction = await predict(fixture('input', 'contigs.fa'), join(folder!, 'triage'), args, {
        ...{ environment: environment([{}, { fault: 'unopenable' }]), models: installed.models },
      });
      assert.equal(prediction.end, 0, prediction.errors);
      assert.deepEqual(ids(prediction), ['cuda:0', 'triage:cuda:0']);
      assert.equal(leftOut(prediction).length, 1);
    } finally {
      installed.remove();
    }
  });

  it('are said to be of no use by `devices`, and by `doctor`', async () => {
    const machine = environment([{}, { capability: '7.0' }]);
    const devices = await virnucpro(['devices'], { environment: machine });
    assert.match(
      devices.output,
      /^cuda:1 .* 7\.0 .* cannot be used .* too old for this libtorch: its capability is 7\.0/m,
    );
    assert.equal(devices.end, 0);
    const doctor = await virnucpro(['doctor'], { environment: machine });
    assert.match(doctor.output, /^warning +devices +cpu, cuda:0$/m);
    assert.match(
      doctor.output,
      /cuda:1: .*too old for this libtorch: its capability is 7\.0, but there are kernels only for 7\.5 and newer/,
    );
  });
});
