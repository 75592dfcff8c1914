import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cachedLibtorchFolder,
  type Libtorch,
  type LibtorchCandidate,
} from '../../lib/engine/libtorch/find-libtorch.js';
import { linkerProblem } from '../../lib/engine/libtorch/load-failure.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { noCompiler } from '../fake-driver.js';
import { skip } from '../skipped.js';
import { TemporaryCheckout, writeLibtorch } from './temporary-checkout.js';

/** Compiles a shared library from C source text. */
function compileLibrary(path: string, source: string, words: readonly string[] = []): void {
  const command = ['-shared', '-fPIC', '-x', 'c', '-o', path, '-', '-x', 'none', ...words];
  const { status, stderr } = spawnSync('cc', command, { input: source, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

const loadTwice = `
const [module, way] = process.argv.slice(1);
const { loadAddon, prepareAddon } = await import(module);
try {
  const { addon, libtorch, passedOver, cuda } = await (way === 'aside' ? prepareAddon() : loadAddon());
  console.log(JSON.stringify({ same: loadAddon().addon === addon, version: addon.versions.libtorch, libtorch, passedOver, cuda }));
} catch ({ code, message }) {
  console.log(JSON.stringify({ code, message }));
}`;

describe('loading the addon', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => (checkout = new TemporaryCheckout()));
  afterEach(() => checkout.remove());

  async function loadBy(way: 'aside' | 'here', environment: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
    const module = new URL('../../lib/engine/libtorch/load.js', import.meta.url).href;
    const running = checkout.start(['--input-type=module', '-e', loadTwice, module, way], environment);
    const { output, errors } = await running.finished;
    assert.equal(errors, '');
    return JSON.parse(output) as Record<string, unknown>;
  }
  /** What both ways of loading answer. */
  async function load(environment: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
    const loaded = await loadBy('here', environment);
    assert.deepEqual(await loadBy('aside', environment), loaded);
    return loaded;
  }
  const realLibtorch = loadAddon().libtorch.root;
  /** Puts this machine's libtorch into the cache of the checkout. */
  function cacheHas(root: string): string {
    const folder = cachedLibtorchFolder('2.11.0', { VIRNUCPRO_CACHE: checkout.cache });
    mkdirSync(folder, { recursive: true });
    symlinkSync(root, join(folder, 'torch'));
    mkdirSync(join(folder, 'nvidia'));
    return join(folder, 'torch');
  }
  const asSetUp = { VIRNUCPRO_CACHE: process.env['VIRNUCPRO_CACHE'], LIBTORCH: process.env['LIBTORCH'] };

  it('brings libtorch in, once, and says which', async () => {
    const loaded = await load(asSetUp);
    assert.equal(loaded['same'], true, JSON.stringify(loaded));
    assert.match(String(loaded['version']), /^2\.11\./);
  });

  it('names the command that mends it when there is no addon', async () => {
    const { code, message } = await load({ ...asSetUp, VIRNUCPRO_ADDON: checkout.root });
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(
      String(message),
      /^virnucpro\.node and its loader were not found in .*\. Run `unset VIRNUCPRO_ADDON; npm run setup`$/,
    );
  });

  it('names every place that was searched when there is no libtorch', async () => {
    checkout.writeProgram('python3', 'exit 0');
    const { code, message } = await load({});
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(String(message), /python3 on PATH \(python3\): has no torch; cache \(.*\): holds no libtorch\. Run/);
  });

  it('says what is wrong with $LIBTORCH, and takes no other', async () => {
    cacheHas(realLibtorch);
    const damaged = writeLibtorch(checkout.path('torch'), '2.11.0');
    truncateSync(join(damaged, 'lib', 'libtorch_cpu.so'), 0);
    const { code, message } = await load({ LIBTORCH: damaged });
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(String(message), /is damaged: lib\/libtorch_cpu\.so is empty\. Run `unset LIBTORCH; npm run setup`$/);
    const refused = await load({ LIBTORCH: writeLibtorch(checkout.path('other'), '2.11.0') });
    assert.match(
      String(refused['message']),
      /does not load: .*libtorch_cpu\.so.*\. Run `unset LIBTORCH; npm run setup`$/,
    );
  });

  it('goes on to the cache from a torch of python3 that the linker refuses, and says so', async () => {
    const torch = writeLibtorch(checkout.path('python', 'torch'), '2.11.0');
    checkout.writeProgram('python3', `echo "${torch}"`);
    const root = cacheHas(realLibtorch);
    const loaded = await load({});
    assert.equal(loaded['same'], true, JSON.stringify(loaded));
    assert.deepEqual((loaded['libtorch'] as Libtorch).root, root);
    const [passedOver] = loaded['passedOver'] as LibtorchCandidate[];
    assert.equal(passedOver?.place, torch);
    assert.match(passedOver.verdict, /^does not load: .*libtorch_cpu\.so/);
    assert.equal(passedOver.next, "Run `python3 -m pip install --force-reinstall 'torch==2.11.*'`");
  });

  it('goes on from a torch of python3 whose bundled OpenMP is gone', async function () {
    const compiler = noCompiler();
    if (compiler !== undefined) skip(this, compiler);
    const torch = writeLibtorch(checkout.path('python', 'torch'), '2.11.0');
    compileLibrary(join(torch, 'lib', 'libgomp-a34b3233.so.1'), 'void omp(void) {}', [
      '-Wl,-soname,libgomp-a34b3233.so.1',
    ]);
    compileLibrary(join(torch, 'lib', 'libtorch_cpu.so'), 'void omp(void); void use(void) { omp(); }', [
      join(torch, 'lib', 'libgomp-a34b3233.so.1'),
    ]);
    rmSync(join(torch, 'lib', 'libgomp-a34b3233.so.1'));
    checkout.writeProgram('python3', `echo "${torch}"`);
    cacheHas(realLibtorch);
    const { passedOver } = await load({});
    assert.equal((passedOver as LibtorchCandidate[])[0]?.verdict, 'does not load: libgomp-a34b3233.so.1 is missing');
  });

  it('mixes no two of them: when a part of the refused one stays, no other is tried', async function () {
    const compiler = noCompiler();
    if (compiler !== undefined) skip(this, compiler);
    const torch = writeLibtorch(checkout.path('python', 'torch'), '2.11.0');
    compileLibrary(join(torch, 'lib', 'libc10.so'), 'int c10;');
    checkout.writeProgram('python3', `echo "${torch}"`);
    cacheHas(realLibtorch);
    const { message } = await load({ LD_PRELOAD: join(torch, 'lib', 'libc10.so') });
    assert.match(String(message), /^libtorch in .*python\/torch does not load: .*--force-reinstall/);
  });

  it('names what is missing, and the package that has it', async function () {
    const compiler = noCompiler();
    if (compiler !== undefined) skip(this, compiler);
    const given = writeLibtorch(checkout.path('torch'), '2.11.0');
    compileLibrary(checkout.path('libodd.so.7'), 'void odd(void) {}', ['-Wl,-soname,libodd.so.7']);
    const needing = 'void odd(void); void use(void) { odd(); }';
    compileLibrary(join(given, 'lib', 'libtorch_cpu.so'), needing, [checkout.path('libodd.so.7')]);
    const { message } = await load({ LIBTORCH: given });
    assert.match(
      String(message),
      /does not load: libodd\.so\.7 is missing\. Install .*`apt-file search libodd\.so\.7`/,
    );
    // This machine has all of these.
    const words = 'libgomp.so.1: cannot open shared object file: No such file or directory';
    assert.deepEqual(linkerProblem(words, '/torch/lib/libtorch_cpu.so'), {
      problem: 'libgomp.so.1 is missing',
      kind: 'missing',
      next: 'Run `apt-get install libgomp1` or `dnf install libgomp`',
    });
  });

  it('names a C or C++ library that is too old', async function () {
    const compiler = noCompiler();
    if (compiler !== undefined) skip(this, compiler);
    const wanted = { 'libstdc++.so.6': 'GLIBCXX_9.9.9', 'libc.so.6': 'GLIBC_9.9' };
    for (const [name, version] of Object.entries(wanted)) {
      checkout.write('version.map', `${version} { global: newer; };`);
      const map = `-Wl,--version-script=${checkout.path('version.map')}`;
      compileLibrary(checkout.path(name), 'void newer(void) {}', [map, `-Wl,-soname,${name}`, '-nostdlib']);
      mkdirSync(checkout.path('addon'), { recursive: true });
      for (const module of ['virnucpro.node', 'virnucpro_loader.node']) {
        const needing = 'void newer(void); void use(void) { newer(); }';
        compileLibrary(join(checkout.path('addon'), module), needing, [checkout.path(name), '-nostdlib']);
      }
      const { message } = await load({ ...asSetUp, VIRNUCPRO_ADDON: checkout.path('addon') });
      const [title, number] = version.replace('GLIBC_', 'glibc_').split('_');
      assert.match(
        String(message),
        new RegExp(
          `${name.replaceAll('+', '\\+')} is too old: .*virnucpro_loader\\.node needs ${title} ${number}\\. Use a newer`,
        ),
      );
    }
  });

  it('says what is wrong with the addon', async () => {
    mkdirSync(checkout.path('addon'));
    for (const name of ['virnucpro.node', 'virnucpro_loader.node'])
      writeFileSync(join(checkout.path('addon'), name), '');
    const { code, message } = await load({ ...asSetUp, VIRNUCPRO_ADDON: checkout.path('addon') });
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(
      String(message),
      /virnucpro_loader\.node cannot be loaded: it is empty\. Run `unset VIRNUCPRO_ADDON; npm run setup`$/,
    );
  });

  it('says that glibc is needed where there is another C library', async () => {
    // As Node reports on Alpine, whose linker would complain of libraries that the user cannot fix.
    checkout.write('musl.cjs', 'const { report } = process; report.getReport = () => ({ header: {} });');
    const { code, message } = await load({
      VIRNUCPRO_ADDON: '/nowhere',
      NODE_OPTIONS: `-r ${checkout.path('musl.cjs')}`,
    });
    assert.equal(code, 'VNP_LIBTORCH');
    assert.match(
      String(message),
      /^Expected a system with glibc for libtorch but .*musl \(Alpine\)\. Use a glibc system/,
    );
    assert.doesNotMatch(String(message), /setup/);
  });
});
