import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { alike, type SimulatedMachine } from '../simulated-gpu/machine.js';
import { readReport } from '../simulated-gpu/report.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

const PROGRAM = fileURLToPath(new URL('embed-process.js', import.meta.url));

describe('the layers of an embedding on a simulated GPU', () => {
  let gpus: SimulatedGpus;
  let installed: InstalledModel | undefined;
  before(async function () {
    gpus = SimulatedGpus.build(this);
    installed = await installGoldenModel();
  });
  after(() => installed?.remove());

  for (const [what, kernels] of [
    ["libtorch's operators", {}],
    ["this project's kernels", { kernels: {} }],
  ] as const) {
    it(`are those of the CPU in every pool, with ${what}, and no part of them is waited for`, async () => {
      const report = join(installed!.models, 'report.json');
      const machine: SimulatedMachine = { gpus: alike(1, { delay: 200 }), report, ...kernels };
      const folder = join(installed!.models, installed!.model.name);
      const differences = (await gpus.resultOf(PROGRAM, [folder], machine)) as Record<string, number>;
      assert.deepEqual(Object.keys(differences), ['mean', 'cls', 'max', 'tokens']);
      for (const [pool, difference] of Object.entries(differences)) {
        assert.ok(difference < 1e-5, `${pool}: ${difference}`);
      }
      const [device] = readReport(report).devices;
      // The kernels are checked when a worker opens, which waits for maxima.
      const waits = Object.keys(device!.waits).filter((name) => name !== 'aten::max');
      assert.deepEqual(waits, []);
      assert.equal(device!.copies.toHostPageable?.copies ?? 0, 0);
    });
  }
});
