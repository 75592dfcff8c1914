import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { kernelCompiler } from '../../lib/engine/libtorch/cuda.js';

describe('the compiler of the kernels for NVIDIA GPUs', () => {
  let folder: string;
  let root: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-nvrtc-'));
    root = join(folder, 'torch');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const environment = { VIRNUCPRO_CACHE: '/somewhere' };
  const found = (version: string): unknown => kernelCompiler({ root, version }, environment);

  function place(...paths: readonly string[]): void {
    for (const path of paths.map((name) => join(folder, name))) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
    }
  }

  for (const { from, libraries, expected } of [
    {
      from: 'the packages of CUDA 13',
      libraries: ['libnvrtc.alt.so.13', 'libnvrtc-builtins.alt.so.13.0', 'libnvrtc-builtins.so.13.0', 'libnvrtc.so.13'],
      expected: { place: 'nvidia/cu13/lib', nvrtc: 'libnvrtc.so.13', builtins: 'libnvrtc-builtins.so.13.0' },
    },
    {
      from: 'the packages of CUDA 12',
      libraries: ['libnvrtc-builtins.so.12.6', 'libnvrtc.so.12'],
      expected: { place: 'nvidia/cuda_nvrtc/lib', nvrtc: 'libnvrtc.so.12', builtins: 'libnvrtc-builtins.so.12.6' },
    },
    {
      from: 'a libtorch archive, where names have a hash in them',
      libraries: ['libnvrtc-builtins.so.12.8', 'libnvrtc-b51b459d.so.12', 'libtorch_cuda.so'],
      expected: { place: 'torch/lib', nvrtc: 'libnvrtc-b51b459d.so.12', builtins: 'libnvrtc-builtins.so.12.8' },
    },
  ]) {
    it(`is found in ${from}`, () => {
      const { nvrtc, builtins } = expected;
      place(...libraries.map((name) => join(expected.place, name)));
      assert.deepEqual(found('2.11.0+cu130'), {
        nvrtc: join(folder, expected.place, nvrtc),
        builtins: join(folder, expected.place, builtins),
        cache: '/somewhere/cuda-kernels',
      });
    });
  }

  it('is left to the linker elsewhere, by the name that belongs to the libtorch', () => {
    place('nvidia/cu13/lib/libcudart.so.13');
    assert.deepEqual(found('2.11.0+cu130'), { nvrtc: 'libnvrtc.so.13', cache: '/somewhere/cuda-kernels' });
    assert.deepEqual(found('2.11.0+cu126'), { nvrtc: 'libnvrtc.so.12', cache: '/somewhere/cuda-kernels' });
    assert.deepEqual(found('2.11.0'), { nvrtc: 'libnvrtc.so', cache: '/somewhere/cuda-kernels' });
  });

  it('is not used where VIRNUCPRO_CUDA_KERNELS is 0', () => {
    assert.equal(
      kernelCompiler({ root, version: '2.11.0' }, { ...environment, VIRNUCPRO_CUDA_KERNELS: '0' }),
      undefined,
    );
  });
});
