import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';

const PROGRAM = fileURLToPath(new URL('hostile-calls.js', import.meta.url));

describe('the native contract, called by a program that means harm', () => {
  let installed: InstalledModel;
  /** Some of the values are valid paths. */
  let folder: string;
  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-hostile-'));
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('answers or fails with a code, whatever the arguments, their memory and the time of the call', async () => {
    const options = { cwd: folder, timeout: 300_000 };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [PROGRAM, installed.model.folder], options);
    const { calls, faults } = JSON.parse(stdout) as { calls: number; faults: string[] };
    assert.deepEqual(faults, []);
    assert.equal(stderr, '');
    assert.ok(calls > 10_000, `only ${calls} calls`);
  });
});
