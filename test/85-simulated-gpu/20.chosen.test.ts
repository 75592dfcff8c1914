import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture } from '../repository.js';
import { alike } from '../simulated-gpu/machine.js';
import { named, predict } from '../simulated-gpu/predict.js';
import type { Prediction } from '../simulated-gpu/predict.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

describe('the GPUs of a run', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-chosen-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const output = (): string => join(folder!, 'out');
  const run = (args: readonly string[], more: Record<string, string> = {}): Promise<Prediction> =>
    predict(fixture('input', 'contigs.fa'), output(), ['--force', ...args], {
      environment: { ...gpus.environment({ gpus: alike(3) }), ...more },
    });
  const ids = (prediction: Prediction): unknown[] => named(prediction, 'device').map(({ device }) => device);

  it('are all of them by default, and each is named before the work starts', async () => {
    const prediction = await run([]);
    assert.equal(prediction.end, 0, prediction.errors);
    assert.deepEqual(ids(prediction), ['cuda:0', 'cuda:1', 'cuda:2']);
    const kinds = prediction.events.map(({ event }) => event);
    const isWork = (kind: string): boolean => ['progress', 'memory', 'device-summary'].includes(kind);
    assert.ok(kinds.lastIndexOf('device') < kinds.findIndex(isWork), kinds.join());
  });

  it('are those that were asked for, by number, by id, and mixed with the CPU', async () => {
    for (const [args, expected] of [
      [
        ['--gpus', '0,2'],
        ['cuda:0', 'cuda:2'],
      ],
      [
        ['--device', 'cuda:2,cuda:1'],
        ['cuda:2', 'cuda:1'],
      ],
      [
        ['--device', 'cpu,cuda:1'],
        ['cpu', 'cuda:1'],
      ],
    ] as const) {
      const prediction = await run(args);
      assert.equal(prediction.end, 0, prediction.errors);
      assert.deepEqual(ids(prediction), expected);
    }
  });

  it('are counted among the visible ones', async () => {
    const prediction = await run([], { CUDA_VISIBLE_DEVICES: '2,0' });
    assert.equal(prediction.end, 0, prediction.errors);
    const addresses = named(prediction, 'device').map(({ device, pciAddress }) => [device, pciAddress]);
    assert.deepEqual(addresses, [
      ['cuda:0', '00000000:5B:00.0'],
      ['cuda:1', '00000000:1B:00.0'],
    ]);
  });

  it('have to exist: else the error lists those that do, before any work', async () => {
    const missing = join(folder!, 'missing');
    const environment = gpus.environment({ gpus: alike(3) });
    const prediction = await predict(fixture('input', 'contigs.fa'), missing, ['--gpus', '0,7'], { environment });
    assert.equal(prediction.end, 1);
    const [failed] = named(prediction, 'failed');
    assert.equal(failed!['code'], 'VNP_DEVICE');
    assert.match(
      String(failed!['reason']),
      /^Expected one of cpu, cuda:0, cuda:1, cuda:2 for a device but received cuda:7/,
    );
    assert.deepEqual([...named(prediction, 'loading'), ...named(prediction, 'device')], []);
    assert.ok(!existsSync(missing));
  });
});
