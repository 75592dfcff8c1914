import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Check } from '../../lib/diagnostics.js';
import { checkNode } from '../../lib/diagnosis/installation-checks.js';
import { cachedLibtorchFolder } from '../../lib/engine/libtorch/find-libtorch.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { installGoldenModel } from '../golden-model.js';
import { writeLibtorch } from '../90-setup/temporary-checkout.js';
import { virnucpro } from './command-line.js';

/** With this, nothing native runs. */
const QUICKLY = { VIRNUCPRO_ADDON: '/nonexistent' };

interface Report {
  exitCode: number | null;
  ok: boolean;
  checks: Check[];
  check: (name: string) => Check;
}

describe('virnucpro doctor', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-doctor-test-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Temporary files of the process under test go into a folder of their own, so that leftovers can be seen. */
  async function doctor(environment: NodeJS.ProcessEnv = {}): Promise<Report> {
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary, { recursive: true });
    const given = { VIRNUCPRO_MODELS: join(folder, 'models'), TMPDIR: temporary, ...environment };
    const { exitCode, stdout, stderr } = await virnucpro(['doctor', '--json'], given);
    assert.equal(stderr, '');
    assert.deepEqual(readdirSync(temporary), [], 'nothing is left in the temporary folder');
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
    assert.equal(exitCode, checks.some(({ status }) => status === 'failed') ? 1 : 0);
    assert.equal(ok, exitCode === 0);
    for (const { status, next, name } of checks) assert.equal(next === undefined, status === 'ok', name);
    return { exitCode, ok, checks, check: (name) => checks.find((one) => one.name === name)! };
  }

  function crashWhen(condition: string): NodeJS.ProcessEnv {
    const path = join(folder, 'crash.mjs');
    const crash = "process.stderr.write('about to crash\\n', () => process.kill(process.pid, 'SIGILL'))";
    writeFileSync(path, `if (process.connected && ${condition}) await new Promise(() => ${crash});`);
    return { NODE_OPTIONS: `--import ${path}` };
  }

  it('passes here, and says what it found', async () => {
    const { exitCode, checks, check } = await doctor();
    assert.equal(exitCode, 0, JSON.stringify(checks, undefined, 2));
    const names = checks.map(({ name }) => name);
    assert.deepEqual(names.slice(0, 6), ['Node', 'libtorch', 'addon', 'CUDA', 'devices', 'known answer on cpu']);
    assert.deepEqual(names.slice(-3), ['models', 'cache folder', 'temporary folder']);
    assert.ok(check('libtorch').found.includes(loadAddon().libtorch.root));
    assert.match(check('libtorch').details.join('\n'), /chosen: libtorch 2\.11/);
    assert.ok(check('addon').found.includes(loadAddon().path));
    const comparisons = check('known answer on cpu').details.join('\n');
    assert.match(comparisons, /^packed engine in fp32: embeddings off by \S+ \(at most 0\.00001\)/m);
    assert.match(comparisons, /^torchscript engine in fp32: /m);
    assert.match(comparisons, /^the two engines in fp32: /m);
    assert.match(check('models').found, /^none in /);
  });

  it('warns of a torch of python3 that does not load, and uses that of the cache', async () => {
    const torch = writeLibtorch(join(folder, 'python', 'torch'), '2.11.0');
    const programs = join(folder, 'programs');
    mkdirSync(programs);
    writeFileSync(join(programs, 'python3'), `#!/bin/sh\necho "${torch}"\n`, { mode: 0o755 });
    const cache = join(folder, 'cache');
    const cached = cachedLibtorchFolder('2.11.0', { VIRNUCPRO_CACHE: cache });
    mkdirSync(join(cached, 'nvidia'), { recursive: true });
    symlinkSync(loadAddon().libtorch.root, join(cached, 'torch'));
    const path = `${programs}:${process.env['PATH'] ?? ''}`;
    const { exitCode, check } = await doctor({ PATH: path, LIBTORCH: '', VIRNUCPRO_CACHE: cache });
    assert.equal(exitCode, 0);
    const { status, found, details, next } = check('addon');
    assert.equal(status, 'warning');
    assert.ok(found.endsWith(`with the libtorch in ${join(cached, 'torch')}`), found);
    assert.match(details.join('\n'), /python\/torch does not load: /);
    assert.match(next ?? '', /--force-reinstall/);
    // Damage is noticed without the linker.
    truncateSync(join(torch, 'lib', 'libc10.so'), 0);
    const again = await doctor({ ...QUICKLY, PATH: path, LIBTORCH: '', VIRNUCPRO_CACHE: cache });
    assert.equal(again.check('libtorch').status, 'warning');
    assert.match(again.check('libtorch').details.join('\n'), /python\/torch\): is damaged: lib\/libc10\.so is empty/);
  });

  it('prints a line for each check, with its way out, and a sum', async () => {
    const { exitCode, stdout, stderr } = await virnucpro(['doctor', '--models', join(folder, 'models')]);
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    assert.match(stdout, /^ok {7}Node {2,}\d+\.\d+\.\d+ on linux/);
    assert.match(
      stdout,
      /^(ok {7}|warning {2})models {2,}none in .*\n +(virnucpro-mini: |-> virnucpro models import)/m,
    );
    assert.match(stdout, /^\d+ ok, \d+ warnings?, 0 failed\n$/m);
  });

  it('goes on without libtorch', async () => {
    const { check } = await doctor({ LIBTORCH: '/nonexistent' });
    assert.equal(check('libtorch').status, 'failed');
    assert.ok(check('libtorch').details.includes('$LIBTORCH (/nonexistent): has no lib/libtorch_cpu.so'));
    assert.match(check('libtorch').next!, /^unset LIBTORCH; npm run setup$/);
    assert.equal(check('addon').status, 'failed');
    assert.match(check('addon').found, /^No libtorch 2\.11\.x was found: /);
    for (const name of ['CUDA', 'devices', 'known answer']) assert.match(check(name).found, /^not checked/);
    assert.equal(check('temporary folder').status, 'ok');
  });

  it('goes on without an addon', async () => {
    const { check } = await doctor({ VIRNUCPRO_ADDON: '/nonexistent' });
    assert.equal(check('libtorch').status, 'ok');
    assert.equal(check('addon').status, 'failed');
    assert.match(check('addon').found, /^virnucpro\.node and its loader were not found in \/nonexistent$/);
    assert.match(check('addon').next!, /^unset .*VIRNUCPRO_ADDON; npm run setup$/);
    assert.match(check('known answer').found, /^not checked/);
  });

  it('reports an addon that is no library', async () => {
    const addon = join(folder, 'addon');
    mkdirSync(addon);
    copyFileSync(join(dirname(loadAddon().path), 'virnucpro_loader.node'), join(addon, 'virnucpro_loader.node'));
    writeFileSync(join(addon, 'virnucpro.node'), 'x'.repeat(10_000));
    const { check } = await doctor({ VIRNUCPRO_ADDON: addon });
    assert.equal(check('addon').status, 'failed');
    assert.match(check('addon').found, /virnucpro\.node cannot be loaded: it is not a 64-bit Linux library/);
  });

  it('survives an addon that crashes while it loads', async () => {
    const { check } = await doctor(crashWhen("process.argv[2] === 'load'"));
    assert.equal(check('addon').status, 'failed');
    assert.match(check('addon').found, /^the child process was ended by SIGILL/);
    assert.deepEqual(check('addon').details, ['about to crash']);
    assert.equal(check('known answer').status, 'warning');
  });

  it('survives a device on which the models crash', async () => {
    const { check } = await doctor(crashWhen("process.argv[2] === 'known-answer'"));
    assert.equal(check('addon').status, 'ok');
    assert.equal(check('known answer on cpu').status, 'failed');
    assert.match(check('known answer on cpu').found, /^the child process was ended by SIGILL/);
  });

  it('names a damaged model, and those that are well', async () => {
    const golden = await installGoldenModel();
    try {
      const well = await doctor({ VIRNUCPRO_MODELS: golden.models, ...QUICKLY });
      assert.equal(well.check('models').status, 'ok');
      assert.match(well.check('models').details[0]!, /^golden: windows of 500 bases/);
      rmSync(join(folder, 'temporary'), { recursive: true });
      rmSync(join(golden.models, '.trusted'), { recursive: true });
      const stranger = await doctor({ VIRNUCPRO_MODELS: golden.models, ...QUICKLY });
      assert.equal(stranger.check('models').status, 'warning');
      assert.match(stranger.check('models').found, /, not made here or changed since: golden$/);
      assert.match(stranger.check('models').details[0]!, /, not trusted$/);
      assert.match(stranger.check('models').next!, /virnucpro models trust golden$/);
      rmSync(join(folder, 'temporary'), { recursive: true });
      truncateSync(golden.model.protein.path, 1000);
      const damaged = await doctor({ VIRNUCPRO_MODELS: golden.models, ...QUICKLY });
      assert.equal(damaged.check('models').status, 'failed');
      assert.match(damaged.check('models').found, /^golden in .* cannot be used$/);
      assert.match(damaged.check('models').details[0]!, /has 1000 bytes instead of/);
      assert.match(damaged.check('models').next!, /^virnucpro models remove golden/);
    } finally {
      golden.remove();
    }
  });

  it('reports folders that cannot be written to', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { check } = await doctor({ TMPDIR: join(folder, 'nowhere'), VIRNUCPRO_CACHE: join(file, 'cache') });
    assert.equal(check('temporary folder').status, 'failed');
    assert.equal(check('known answer on cpu').status, 'failed');
    assert.match(check('known answer on cpu').next!, /TMPDIR/);
    assert.equal(check('cache folder').status, 'warning');
    assert.match(check('cache folder').found, /ENOTDIR/);
  });

  it('takes a cache folder that is not there yet, and leaves it so', async () => {
    const { check } = await doctor({ VIRNUCPRO_CACHE: join(folder, 'not', 'yet'), ...QUICKLY });
    assert.equal(check('cache folder').status, 'ok');
    assert.deepEqual(readdirSync(folder), ['temporary']);
  });

  it('asks for the Node that the package asks for', () => {
    assert.equal(checkNode('20.18.3').status, 'failed');
    assert.equal(checkNode('9.0.0').status, 'failed');
    for (const version of ['21.7.3', '22.1.0']) assert.equal(checkNode(version).status, 'failed', version);
    for (const version of ['20.19.0', '20.100.0', '22.2.0', '24.0.1'])
      assert.equal(checkNode(version).status, 'ok', version);
  });
});
