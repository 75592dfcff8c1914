import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { repositoryRoot } from '../repository.js';

describe('the memory of a process', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  it('is the same after many batches, and after opening and closing many times', async () => {
    const { folder } = installed.model;
    const words = ['--batches', '400', '--openings', '40', '--models', dirname(folder), '--model', 'golden'];
    // It exits with 1 if memory grew by more than its bound.
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(repositoryRoot, 'bench', 'soak.mjs'),
      ...words,
    ]);
    assert.equal(stdout.match(/\| flat /g)?.length, 2, stdout);
  });
});
