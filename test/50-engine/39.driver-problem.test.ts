import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { driverProblem } from '../../lib/engine/libtorch/cuda.js';
import { cudaVersionOf } from '../../lib/engine/libtorch/find-libtorch.js';
import type { Libtorch } from '../../lib/engine/libtorch/find-libtorch.js';

const FOR_13: Libtorch = { root: '/nowhere', source: 'cache', version: '2.11.0+cu130', cuda: true };
const FOR_12: Libtorch = { ...FOR_13, version: '2.11.0+cu128' };

describe('an NVIDIA driver', () => {
  it('runs what was made for its CUDA, for an older one, and for a newer minor version', () => {
    for (const [libtorch, cudas] of [
      [FOR_13, ['13.0', '13.2', '14.0']],
      [FOR_12, ['12.0', '12.8', '12.9', '13.0']],
    ] as const) {
      for (const cuda of cudas) assert.equal(driverProblem({ version: '', cuda }, libtorch), undefined, cuda);
    }
  });

  it('that is too old is named, with the one that is needed and the libtorch that it could run', () => {
    const problem = driverProblem({ version: '570.26', cuda: '12.8' }, FOR_13)!;
    const reason = 'driver 570.26 supports CUDA up to 12.8, but libtorch 2.11.0+cu130 is built for CUDA 13.0';
    assert.equal(problem.reason, reason);
    assert.match(problem.next, /^Install NVIDIA driver 580 or newer, or a libtorch for CUDA 12 \(`.*--cuda 12`\)$/);
  });

  it('that runs no CUDA 12 has to go', () => {
    const old = { version: '', cuda: '11.4' };
    assert.equal(driverProblem(old, FOR_13)!.next, 'Install NVIDIA driver 580 or newer');
    assert.equal(driverProblem(old, FOR_12)!.next, 'Install NVIDIA driver 525 or newer');
    assert.match(driverProblem(old, FOR_12)!.reason, /^driver supports CUDA up to 11\.4, /);
  });

  it('is not judged where a libtorch does not say what it was made for', () => {
    const own: Libtorch = { ...FOR_13, version: '2.11.0a0+git70d99e9' };
    assert.equal(driverProblem({ version: '', cuda: '11.4' }, own), undefined);
  });
});

describe('the CUDA that a libtorch was made for', () => {
  let root: string;
  before(() => (root = mkdtempSync(join(tmpdir(), 'virnucpro-libtorch-'))));
  after(() => rmSync(root, { recursive: true, force: true }));

  it('is in its version, else in what the Python package says', () => {
    assert.equal(cudaVersionOf(FOR_13), '13.0');
    assert.equal(cudaVersionOf(FOR_12), '12.8');
    const own = { ...FOR_13, root, version: '2.11.0' };
    assert.equal(cudaVersionOf(own), undefined);
    for (const [line, version] of [
      ["cuda: Optional[str] = '12.9'", '12.9'],
      ["cuda = '12.6'", '12.6'],
      ['cuda: Optional[str] = None', undefined],
    ] as const) {
      writeFileSync(join(root, 'version.py'), `__version__ = '2.11.0'\n${line}\n`);
      assert.equal(cudaVersionOf(own), version);
    }
  });
});
