import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { hasAvx512, skip } from '../skipped.js';

const MOCHA = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const NUMBERS = ['10.golden.test.js', '20.packed-batches.test.js'].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);

describe('on a processor', () => {
  // The addon has code for each kind; a processor can also be told to run that of lesser kinds.
  for (const [capability, kind] of [
    ['default', 'without AVX2'],
    ['avx2', 'with AVX2 alone'],
    ['avx512', 'with AVX-512'],
  ] as const) {
    it(`${kind} every number is the same`, function () {
      if (capability === 'avx512' && !hasAvx512()) skip(this, 'this processor has no AVX-512');
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [MOCHA, '--no-config', '--timeout', '600000', '--reporter', 'dot', ...NUMBERS],
        { env: { ...process.env, ATEN_CPU_CAPABILITY: capability }, encoding: 'utf8' },
      );
      assert.equal(status, 0, stdout + stderr);
    });
  }
});
