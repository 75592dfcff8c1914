import assert from 'node:assert/strict';
import { join } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { asVirnucproError, VirnucproError } from '../../lib/errors.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { randomBatch } from './token-sequences.js';

describe('an error that came while the addon worked', () => {
  const withCode = (code: string): Error => Object.assign(new Error('of the test'), { code });

  it('is for the user where it has one of the codes that are promised', () => {
    const native = withCode('VNP_MEMORY');
    const error = asVirnucproError(native);
    assert.ok(error instanceof VirnucproError);
    assert.deepEqual([error.code, error.message, error.cause], ['VNP_MEMORY', 'of the test', native]);
  });

  it('stays as it is otherwise', () => {
    for (const error of [withCode('ENOENT'), new Error('plain'), new VirnucproError('VNP_INPUT_FORMAT', ''), 'text']) {
      assert.equal(asVirnucproError(error), error);
    }
  });
});

describe('a failure of libtorch that is none of memory', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  for (const engine of ['packed', 'torchscript'] as const) {
    // A batch out of memory is never tried on another device, and does not lose its device.
    it(`is not taken for one (${engine})`, async () => {
      const { addon } = loadAddon();
      const { dna, protein, classifier } = installed.model;
      // A classifier whose input width does not match the embeddings of these two.
      const architecture = { ...classifier.architecture, inputs: classifier.architecture.inputs + 8 };
      const path = join(installed.models, `wide-${engine}`);
      const parameters = addon
        .parametersOf(architecture)
        .map((parameter) => ({ ...parameter, source: { kind: 'constant', value: 0.5 } as const }));
      await addon.writeArchive({ path, architecture, dtype: 'float32', parameters, extraFiles: {} });
      const request = { device: 'cpu', precision: 'fp32', threads: 2, engine, dna, protein } as const;
      const worker = await addon.openWorker({ ...request, classifier: { path, architecture } });
      const batch = { dna: randomBatch('dna', [4]), protein: randomBatch('protein', [4]) };
      await assert.rejects(worker.run(batch, { embeddings: false }), { code: 'VNP_NATIVE', message: /\w/ });
      await worker.close();
    });
  }
});
