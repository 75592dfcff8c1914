import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../../lib/engine/libtorch/load.js';

const PROGRAM = fileURLToPath(new URL('wide-model-process.js', import.meta.url));

/** The kernels that oneDNN reports, such as `inner_product brgemm:avx512_core`, except reorders of weights. */
function kernelsIn(output: string): Set<string> {
  const [, ...calls] = output
    .split(/^onednn_verbose.*,exec,cpu,/m)
    .map((call) => call.split(',').slice(0, 2).join(' '));
  return new Set(calls.filter((call) => !call.startsWith('reorder')));
}

describe('the known answer that a worker computes when it opens', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-known-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [precision, engine] of [
    ['fp32', 'packed'],
    ['bf16', 'packed'],
    ['fp32', 'torchscript'],
  ] as const) {
    it(`takes every kernel of the matrix library that models of published widths take, ${engine}, ${precision}`, () => {
      const output = execFileSync(process.execPath, [PROGRAM, folder, precision, engine], {
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
        env: { ...process.env, ONEDNN_VERBOSE: '1', LIBTORCH: loadAddon().libtorch.root },
      });
      const [opening, running] = output.split('OPENED\n').map(kernelsIn) as [Set<string>, Set<string>];
      assert.ok(running.size > 0, output.slice(0, 2000));
      assert.deepEqual(
        [...running].filter((kernel) => !opening.has(kernel)),
        [],
        `the known answer took ${[...opening].join(', ')}`,
      );
    });
  }
});
