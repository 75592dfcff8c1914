import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fetching } from './fetching.js';
import { madeUpWheel } from './made-up-wheels.js';
import { TemporaryCheckout } from './temporary-checkout.js';

const SETUP = ['scripts/setup.mjs', '--no-cuda', 'libtorch'];

describe('fetching libtorch', () => {
  let fetching: Fetching;
  let checkout: TemporaryCheckout;
  let folder: string;
  before(() => {
    fetching = new Fetching();
    ({ checkout, folder } = fetching);
  });
  beforeEach(() => fetching.begin());
  afterEach(() => fetching.end());
  after(() => checkout.remove());

  function cached(): string[] {
    return readdirSync(checkout.cache)
      .filter((name) => !name.endsWith('.lock'))
      .sort();
  }
  /** Kills a setup once it has begun as many downloads. */
  async function killAfter(downloads: number): Promise<void> {
    const running = checkout.start(SETUP);
    while (fetching.index.files.length < downloads) await sleep(10);
    // Until what was sent has been written.
    const isWritten = (name: string): boolean => statSync(join(`${folder}.download`, name)).size > 0;
    while (!readdirSync(`${folder}.download`).some(isWritten)) await sleep(10);
    running.kill();
    await running.finished;
  }

  it('puts libtorch and what it is linked to side by side, without what only Python needs', async () => {
    const { code, output, errors } = await fetching.setup();
    assert.equal(code, 0, errors);
    assert.equal(fetching.found()?.root, join(folder, 'torch'));
    const libraries = ['libc10.so', 'libtorch_cpu.so', 'libtorch_cuda.so'];
    assert.deepEqual(readdirSync(join(folder, 'torch', 'lib')).sort(), libraries);
    const names = ['include', 'lib', 'version.py', 'virnucpro-wheels.json'];
    assert.deepEqual(readdirSync(join(folder, 'torch')).sort(), names);
    assert.deepEqual(readdirSync(join(folder, 'nvidia', 'cu13')), ['lib']);
    assert.deepEqual(cached(), [basename(folder)]);
    const place = new URL(fetching.index.url).host.replaceAll('.', '\\.');
    assert.match(output, new RegExp(`MB to download, 0\\.0 GB unpacked, into ${folder}\n(.*\n)?.*downloading torch`));
    assert.match(output, new RegExp(`downloading torch 2\\.11\\.0 \\(0\\.0 MB\\) from ${place}\n`));
  });

  it('reads pages of HTML, too, with and without hashes', async () => {
    fetching.index.format = 'html';
    fetching.index.statedHash = ({ name, sha256 }) => (name === 'torch' ? sha256 : undefined);
    const { code, errors } = await fetching.setup();
    assert.equal(code, 0, errors);
    assert.equal(fetching.found()?.root, join(folder, 'torch'));
  });

  it('is done once', async () => {
    await fetching.setup();
    const first = fetching.index.downloads;
    const { output } = await fetching.setup();
    assert.match(output, /^libtorch +up to date: 2\.11\.0\+cu130 in /);
    assert.deepEqual(fetching.index.downloads, first);
  });

  it('is done again when the linker could not use what is there', async () => {
    await fetching.setup();
    const first = fetching.index.downloads;
    truncateSync(join(folder, 'torch', 'lib', 'libtorch_cpu.so'), 0);
    const { code, output } = await fetching.setup();
    assert.equal(code, 0);
    assert.match(output, /cache \(.*\): is damaged: lib\/libtorch_cpu\.so is empty/);
    assert.deepEqual(fetching.index.downloads.slice(first.length), ['torch'], 'libtorch alone');
    assert.equal(fetching.found()?.root, join(folder, 'torch'));
  });

  it('only says what it would fetch, from where and to where, with --dry-run', async () => {
    const { code, output, errors } = await fetching.command(['--dry-run']);
    assert.equal(code, 0, errors);
    assert.match(output, /\nlibtorch +torch 2\.11\.0 \(0\.0 MB\) from 127\.0\.0\.1:\d+\n/);
    assert.match(output, new RegExp(`\nlibtorch +0\\.0 MB to download, 0\\.0 GB unpacked, into ${folder}\n$`));
    assert.deepEqual(fetching.index.downloads, []);
    assert.equal(existsSync(checkout.cache), false);
  });

  it('resumes what was killed in a download, and leaves nothing that is taken for whole', async () => {
    fetching.index.behaviours = [{ stallAfter: 200 }];
    await killAfter(1);
    assert.equal(fetching.found()?.root, undefined);
    assert.deepEqual(cached(), [`${basename(folder)}.download`]);
    const { code, errors } = await fetching.setup();
    assert.equal(code, 0, errors);
    assert.equal(fetching.index.files[1]?.range, 'bytes=200-');
    assert.equal(fetching.found()?.root, join(folder, 'torch'));
    assert.deepEqual(cached(), [basename(folder)]);
  });

  it('removes what a killed process left though there is nothing to fetch, and nothing of a living one', async () => {
    await fetching.setup();
    const left = (name: string) => `${folder}.partial-${name}`;
    const longAgo = Date.now() / 1000 - 3600;
    for (const name of ['host-1.7.7', 'other.host-1.8.8', 'other.host-1.9.9']) {
      mkdirSync(join(left(name), 'torch', 'lib'), { recursive: true });
      writeFileSync(join(left(name), 'torch', 'lib', 'libtorch_cpu.so'), 'half');
    }
    // The sign of life of a process on another machine is its file in the lock; the third process has none at all.
    for (const name of ['other.host-1.8.8', 'host-1.7.7']) writeFileSync(join(`${folder}.lock`, name), '');
    utimesSync(join(`${folder}.lock`, 'host-1.7.7'), longAgo, longAgo);
    assert.match((await fetching.setup()).output, /^libtorch +up to date/);
    assert.deepEqual(cached(), [basename(folder), basename(left('other.host-1.8.8'))]);
  });

  it('is not taken for whole when killed between libtorch and its companions, and goes on from there', async () => {
    fetching.index.behaviours = [{}, {}, { stallAfter: 50 }];
    await killAfter(3);
    assert.equal(existsSync(join(folder, 'torch', 'lib', 'libtorch_cpu.so')), true);
    assert.equal(fetching.found()?.root, undefined);
    const first = fetching.index.downloads.length;
    assert.equal((await fetching.setup()).code, 0);
    assert.equal(fetching.found()?.root, join(folder, 'torch'));
    assert.deepEqual(fetching.index.downloads.slice(first), ['nvidia-cuda-runtime', 'nvidia-cuda-cupti']);
  });

  it('refuses a wheel with another hash than the one that is pinned, whatever the index says', async () => {
    const { bytes, sha256 } = madeUpWheel(fetching.wheelOf('torch'), [{ name: 'torch/lib/evil.so', content: 'evil' }]);
    fetching.index.behaviours = [
      { content: Buffer.concat([bytes, Buffer.alloc(fetching.wheelOf('torch').bytes.length)]) },
    ];
    const longer = await fetching.setup();
    assert.equal(longer.code, 1);
    assert.match(
      longer.errors,
      /^Could not download torch 2\.11\.0 from .*: it has more than the expected \d+ bytes\. /,
    );
    fetching.index.behaviours = [{ content: Buffer.alloc(fetching.wheelOf('torch').bytes.length, 'x') }];
    const other = await fetching.setup();
    assert.equal(other.code, 1);
    assert.match(other.errors, /^Refused torch 2\.11\.0 from .*: its SHA-256 is .*\n$/);
    fetching.index.statedHash = () => sha256;
    const stated = await fetching.setup();
    assert.match(stated.errors, /^Could not find torch 2\.11\.0 \(.*: has a file with another SHA-256 than .*\n$/);
    assert.equal(fetching.found()?.root, undefined);
    assert.equal(existsSync(folder), false);
  });

  it('refuses a wheel that would write outside the cache, in one line, and leaves nothing', async () => {
    const hostile = fetching.wheels.map((wheel) =>
      wheel.name === 'torch' ? madeUpWheel(wheel, [{ name: 'torch/lib/../../../../outside', content: 'x' }]) : wheel,
    );
    checkout.pinWheels(hostile);
    fetching.index.serve(hostile);
    const { code, errors } = await fetching.setup();
    assert.equal(code, 1);
    assert.match(errors, /^Could not unpack \S+torch-2\.11\.0\S+: invalid relative path: .*\n$/);
    assert.equal(existsSync(folder), false);
    assert.equal(existsSync(checkout.path('outside')), false);
  });

  it('says in one line that there is no network, and what to do', async () => {
    await fetching.index.stop();
    const { code, errors } = await fetching.setup();
    assert.equal(code, 1);
    assert.match(
      errors,
      /^Could not find torch 2\.11\.0 \(.*: cannot be reached: .*\)\. .*PIP_INDEX_URL.*LIBTORCH=.*\n$/,
    );
  });

  it('needs room, which is said before anything is downloaded', async () => {
    // A file system of the kernel's own, which has no free blocks.
    const { code, errors } = await checkout.setup(['--no-cuda', 'libtorch'], { VIRNUCPRO_CACHE: '/sys/virnucpro' });
    assert.equal(code, 1);
    assert.match(errors, /^libtorch needs 0\.0 GB but \/sys has 0\.0 GB free: make room, or `export VIRNUCPRO_CACHE=/);
    assert.deepEqual(fetching.index.downloads, []);
  });

  it('needs a cache that is a folder', async () => {
    checkout.write('cache-file', '');
    const { errors } = await checkout.setup(['libtorch'], { VIRNUCPRO_CACHE: checkout.path('cache-file') });
    assert.match(errors, /^The cache \S*cache-file is a file: remove it, or `export VIRNUCPRO_CACHE=/);
  });

  it('happens once when two checkouts ask at the same time', async () => {
    fetching.index.behaviours = [{ stallAfter: 100 }];
    const other = new TemporaryCheckout();
    other.copyCompiledLibrary();
    other.pinWheels(fetching.wheels);
    const shared = {
      VIRNUCPRO_CACHE: checkout.cache,
      PATH: checkout.environment['PATH'],
      PIP_INDEX_URL: fetching.index.url,
    };
    const first = checkout.start(SETUP);
    while (fetching.index.files.length === 0) await sleep(10);
    const second = other.start(SETUP, shared);
    await second.prints('waiting for another setup that uses');
    // The first goes on where its connection ended.
    fetching.index.breakConnections();
    const both = await Promise.all([first.finished, second.finished]);
    other.remove();
    for (const { code, errors } of both) assert.equal(code, 0, errors);
    assert.deepEqual(
      both.map(({ output }) => output.includes('waiting for another setup that uses')),
      [false, true],
    );
    assert.deepEqual(fetching.index.downloads, ['torch', 'torch', 'nvidia-cuda-runtime', 'nvidia-cuda-cupti']);
  });

  it('adds the CUDA libraries to a cache that was made without, and keeps libtorch itself', async () => {
    await fetching.setup();
    const first = fetching.index.downloads.length;
    const { code, errors } = await fetching.setup(['--cuda']);
    assert.equal(code, 0, errors);
    const names = fetching.index.downloads.slice(first);
    assert.ok(names.includes('nvidia-cublas') && !names.includes('torch'), names.join());
    assert.ok(existsSync(join(folder, 'nvidia', 'cu13', 'lib', 'libnvidia-cublas.so.13')));
    assert.ok(existsSync(join(folder, 'nvidia', 'cu13', 'lib', 'libnvidia-cuda-runtime.so.13')));
  });

  it('does not replace a $LIBTORCH that is of no use', async () => {
    const { code, errors } = await checkout.setup(['libtorch'], { LIBTORCH: '/nowhere' });
    assert.equal(code, 1);
    assert.match(
      errors,
      /^Expected libtorch 2\.11\.x in \$LIBTORCH but \/nowhere has no lib\/libtorch_cpu\.so\. .*`unset LIBTORCH`\n$/,
    );
    assert.deepEqual(fetching.index.downloads, []);
  });
});
