import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cacheFolder,
  describeSearch,
  findLibtorch,
  findLibtorchAside,
} from '../../lib/engine/libtorch/find-libtorch.js';
import type { LibtorchSearch } from '../../lib/engine/libtorch/find-libtorch.js';
import { TemporaryCheckout, writeLibtorch } from './temporary-checkout.js';

/** Changes a field of four bytes. */
function writeAt(path: string, position: number, value: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt32LE(value, position);
  writeFileSync(path, bytes);
}

describe('the search for libtorch', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => (checkout = new TemporaryCheckout()));
  afterEach(() => checkout.remove());

  /** What both forms of the search find. */
  async function search(environment: NodeJS.ProcessEnv = {}, cuda = false): Promise<LibtorchSearch> {
    const options = { environment: { ...checkout.environment, ...environment }, cuda };
    const found = findLibtorch(options);
    assert.deepEqual(await findLibtorchAside(options), found);
    return found;
  }
  function pythonHas(folder: string): void {
    checkout.writeProgram('python3', `echo called >> "${checkout.path('python-calls')}"; echo "${folder}"`);
  }
  function cacheHas(version: string, options: { complete?: boolean } = {}): string {
    const folder = join(checkout.cache, `libtorch-${version}-${process.platform}-${process.arch}`);
    if (options.complete ?? true) mkdirSync(join(folder, 'nvidia'), { recursive: true });
    return writeLibtorch(join(folder, 'torch'), `${version}+cu130`);
  }

  it('takes $LIBTORCH first, and asks nobody else', async () => {
    const given = writeLibtorch(checkout.path('given'), '2.11.1');
    pythonHas(writeLibtorch(checkout.path('python', 'torch'), '2.11.0'));
    cacheHas('2.11.0');
    assert.deepEqual((await search({ LIBTORCH: given })).chosen, {
      root: given,
      source: 'environment',
      version: '2.11.1',
      cuda: true,
    });
    assert.equal(existsSync(checkout.path('python-calls')), false);
  });

  it('reads the version of a libtorch archive, which has no version.py', async () => {
    const given = writeLibtorch(checkout.path('given'), '2.11.0+cpu', { archive: true, cuda: false });
    assert.equal((await search({ LIBTORCH: given })).chosen?.version, '2.11.0+cpu');
  });

  it('does not go on from a $LIBTORCH that is of no use: the user meant that one', async () => {
    cacheHas('2.11.0');
    const given = writeLibtorch(checkout.path('given'), '2.10.0');
    const { chosen, considered } = await search({ LIBTORCH: given });
    assert.equal(chosen, undefined);
    assert.deepEqual(considered, [{ source: 'environment', place: given, verdict: 'is libtorch 2.10.0, not 2.11.x' }]);
    assert.equal((await search({ LIBTORCH: checkout.path('nowhere') })).chosen, undefined);
  });

  it("takes the torch of python3 before the cache's", async () => {
    const root = writeLibtorch(checkout.path('python', 'torch'), '2.11.0+cu130');
    pythonHas(root);
    cacheHas('2.11.0');
    assert.deepEqual((await search()).chosen, { root, source: 'python', version: '2.11.0+cu130', cuda: true });
  });

  it('passes over a torch of another release, keeps the reason, and goes on to the cache', async () => {
    const other = writeLibtorch(checkout.path('python', 'torch'), '2.110.0');
    pythonHas(other);
    const root = cacheHas('2.11.0');
    const found = await search();
    assert.equal(found.chosen?.root, root);
    assert.deepEqual(describeSearch(found), [
      `python3 on PATH (${other}): is libtorch 2.110.0, not 2.11.x`,
      `cache (${root}): chosen: libtorch 2.11.0+cu130`,
    ]);
  });

  it('passes over a torch without CUDA where there is a GPU, and only there', async () => {
    const root = writeLibtorch(checkout.path('python', 'torch'), '2.11.0+cpu', { cuda: false });
    pythonHas(root);
    const cached = cacheHas('2.11.0');
    assert.equal((await search({}, true)).chosen?.root, cached);
    assert.equal((await search({}, false)).chosen?.root, root);
  });

  it('locates the torch of a real python3 without importing it, and not in the current folder', async () => {
    checkout.write('packages/torch/__init__.py', 'raise SystemExit("imported")');
    writeLibtorch(checkout.path('packages', 'torch'), '2.11.0');
    const found = await search({ PYTHONPATH: checkout.path('packages') });
    assert.equal(found.chosen?.root, checkout.path('packages', 'torch'));
  });

  it('says so when there is no python3 at all', async () => {
    const { chosen, considered } = await search({ PATH: checkout.bin });
    assert.equal(chosen, undefined);
    assert.match(considered[0]?.verdict ?? '', /cannot be run: .*ENOENT/);
    assert.equal(considered[1]?.verdict, 'holds no libtorch');
  });

  it('passes over a damaged torch, says what is damaged, and goes on to the cache', async () => {
    const torch = writeLibtorch(checkout.path('python', 'torch'), '2.11.0');
    pythonHas(torch);
    const root = cacheHas('2.11.0');
    const damages: [file: string, damage: (path: string) => void, verdict: string][] = [
      ['libc10.so', (path) => rmSync(path), 'lib/libc10.so is missing'],
      ['libtorch_cpu.so', (path) => truncateSync(path, 0), 'lib/libtorch_cpu.so is empty'],
      ['libtorch_cpu.so', (path) => writeFileSync(path, '<html>'), 'lib/libtorch_cpu.so is not a 64-bit Linux library'],
      ['libtorch_cpu.so', (path) => writeAt(path, 40, 10_000), 'lib/libtorch_cpu.so is cut short: 64 of 10000 bytes'],
      ['libc10.so', (path) => writeAt(path, 18, 8), `lib/libc10.so is not built for ${process.arch}`],
    ];
    for (const [name, damage, verdict] of damages) {
      writeLibtorch(torch, '2.11.0');
      damage(join(torch, 'lib', name));
      const { chosen, considered } = await search();
      assert.equal(chosen?.root, root);
      assert.deepEqual(considered[0], {
        ...{ source: 'python', place: torch, verdict: `is damaged: ${verdict}`, broken: true },
      });
    }
  });

  it('goes on when python3 gives no answer', async () => {
    // A shell that waits for another program: both have to be ended.
    checkout.writeProgram('python3', 'sleep 600; echo never');
    const root = cacheHas('2.11.0');
    const { chosen, considered } = await search();
    assert.equal(chosen?.root, root);
    assert.deepEqual(considered[0], {
      ...{ source: 'python', place: 'python3', verdict: 'did not answer within 5 s', broken: true },
    });
  });

  it('takes the newest of the cache, counting in numbers, and none that is incomplete', async () => {
    pythonHas('');
    cacheHas('2.11.2');
    const newest = cacheHas('2.11.10');
    cacheHas('2.11.11', { complete: false });
    cacheHas('2.12.0');
    const { chosen, considered } = await search();
    assert.equal(chosen?.root, newest);
    assert.deepEqual(
      considered.map(({ verdict }) => verdict),
      ['has no torch', 'is incomplete', 'chosen: libtorch 2.11.10+cu130'],
    );
  });
});

describe('the cache folder', () => {
  const environments = [
    { HOME: '/home/someone' },
    { HOME: '/home/someone', XDG_CACHE_HOME: '/scratch' },
    { HOME: '/home/someone', XDG_CACHE_HOME: '/scratch', VIRNUCPRO_CACHE: '/shared/virnucpro' },
  ];
  const folders = ['/home/someone/.cache/virnucpro', '/scratch/virnucpro', '/shared/virnucpro'];
  const checkout = new TemporaryCheckout();
  after(() => checkout.remove());

  for (const [i, environment] of environments.entries()) {
    it(`is ${folders[i]} for the library and the scripts alike, given ${Object.keys(environment).join(', ')}`, () => {
      const print = (module: string) =>
        execFileSync(
          process.execPath,
          ['--input-type=module', '-e', `import(${JSON.stringify(module)}).then((m) => console.log(m.cacheFolder()))`],
          { env: environment, encoding: 'utf8' },
        ).trim();
      assert.equal(print(checkout.path('scripts', 'setup', 'cache-folder.mjs')), folders[i]);
      assert.equal(print(new URL('../../lib/engine/libtorch/find-libtorch.js', import.meta.url).href), folders[i]);
      assert.equal(cacheFolder({ VIRNUCPRO_CACHE: '/given' }), '/given');
    });
  }
});
