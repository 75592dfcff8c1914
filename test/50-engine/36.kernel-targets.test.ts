import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasKernelsFor, kernelTargets } from '../../lib/engine/libtorch/cuda.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { noCompiler } from '../fake-driver.js';
import { skip } from '../skipped.js';

const PTX = 1;
const CODE = 2;

/** A region of kernels as in a library: for every target its kind, architecture and some bytes of code. */
function region(targets: readonly (readonly [kind: number, architecture: number])[], codeBytes = 40): Buffer {
  const entries = targets.map(([kind, architecture]) => {
    const entry = Buffer.alloc(64 + codeBytes, 0xee);
    entry.writeUInt16LE(kind, 0);
    entry.writeUInt32LE(64, 4);
    entry.writeBigUInt64LE(BigInt(codeBytes), 8);
    entry.writeUInt32LE(architecture, 28);
    return entry;
  });
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0xba55ed50, 0);
  header.writeUInt16LE(1, 4);
  header.writeUInt16LE(header.length, 6);
  header.writeBigUInt64LE(BigInt(Buffer.concat(entries).length), 8);
  return Buffer.concat([header, ...entries]);
}

describe('the capabilities that a library has kernels for', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-kernels-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A library whose section of kernels contains these bytes; by default it has no such section. */
  function library(kernels?: Buffer): string {
    const [source, path] = [join(folder, 'kernels.c'), join(folder, 'libkernels.so')];
    const bytes = [...(kernels ?? [])].join(',');
    const held = kernels && `__attribute__((section(".nv_fatbin"))) const unsigned char kernels[] = {${bytes}};`;
    writeFileSync(source, `${held ?? ''} int nothing(void) { return 0; }\n`);
    const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-o', path, source], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return path;
  }

  it('are those of its first region, code and PTX told apart, each once', function () {
    const reason = noCompiler();
    if (reason !== undefined) skip(this, reason);
    const targets = [[CODE, 75], [CODE, 100], [CODE, 100], [PTX, 120]] as const; // prettier-ignore
    const both = Buffer.concat([region(targets), region([[CODE, 50]])]);
    assert.deepEqual(kernelTargets(library(both)), ['7.5', '10.0', '12.0+PTX']);
  });

  it('are not told by one without kernels, or with something else in their place', function () {
    const reason = noCompiler();
    if (reason !== undefined) skip(this, reason);
    assert.equal(kernelTargets(library()), undefined);
    assert.equal(kernelTargets(library(Buffer.alloc(8))), undefined);
    const emptyEntry = region([[CODE, 75]]);
    emptyEntry.fill(0, 16);
    assert.equal(kernelTargets(library(emptyEntry)), undefined);
    assert.equal(kernelTargets(library(Buffer.alloc(64, 1))), undefined);
    assert.equal(kernelTargets(library(region([]))), undefined);
  });

  it('are read of this libtorch', function () {
    const { libtorch } = loadAddon();
    if (!libtorch.cuda) skip(this, `libtorch ${libtorch.version} has no CUDA`);
    const targets = kernelTargets(join(libtorch.root, 'lib', 'libtorch_cuda.so'));
    assert.ok(targets && targets.length > 0);
    for (const target of targets) assert.match(target, /^\d+\.\d(\+PTX)?$/);
    // The PyTorch project's table for 2.11 and CUDA 13.0 (RELEASE.md).
    if (libtorch.version === '2.11.0+cu130' && process.arch === 'x64') {
      assert.deepEqual(targets, ['7.5', '8.0', '8.6', '9.0', '10.0', '12.0']);
    }
  });

  it('run on the same first number with the same or a higher second one, PTX on all that is not lower', () => {
    const wheel = ['7.5', '8.0', '8.6', '9.0', '10.0', '12.0'];
    const runs = (targets: readonly string[]): string[] =>
      ['5.2', '6.1', '7.0', '7.5', '8.0', '8.6', '8.9', '9.0', '10.0', '10.3', '11.0', '12.0', '12.1'].filter(
        (capability) => hasKernelsFor(capability, targets),
      );
    assert.deepEqual(runs(wheel), ['7.5', '8.0', '8.6', '8.9', '9.0', '10.0', '10.3', '12.0', '12.1']);
    assert.deepEqual(runs(['8.6']), ['8.6', '8.9']);
    assert.deepEqual(runs(['8.6+PTX']), ['8.6', '8.9', '9.0', '10.0', '10.3', '11.0', '12.0', '12.1']);
    assert.deepEqual(runs([]), []);
  });
});
