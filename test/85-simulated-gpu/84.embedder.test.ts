import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { installGoldenModel, type InstalledModel } from '../golden-model.js';
import { alike } from '../simulated-gpu/machine.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

const PROGRAM = fileURLToPath(new URL('embedder-process.js', import.meta.url));

describe('openEmbedder on simulated GPUs', () => {
  let gpus: SimulatedGpus;
  let installed: InstalledModel | undefined;
  before(async function () {
    gpus = SimulatedGpus.build(this);
    installed = await installGoldenModel();
  });
  after(() => installed?.remove());

  for (const count of [1, 2]) {
    it(`gives the embeddings of the CPU on ${count}, also beside and after calls that were stopped`, async () => {
      const machine = { gpus: alike(count, { delay: 100 }) };
      const { devices, differences, ends } = (await gpus.resultOf(PROGRAM, [installed!.models], machine)) as {
        readonly devices: readonly string[];
        /** JSON has null for a number that is not finite. */
        readonly differences: Readonly<Record<string, number | null>>;
        readonly ends: unknown;
      };
      assert.deepEqual(devices, ['cuda:0', 'cuda:1'].slice(0, count));
      assert.deepEqual(ends, { stream: 'RangeError', call: 'RangeError', closed: 'VNP_CLOSED' });
      assert.equal(Object.keys(differences).length, 8);
      for (const [call, difference] of Object.entries(differences)) {
        assert.ok(difference !== null && difference < 1e-5, `${call}: ${difference}`);
      }
    });
  }
});
