import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findLibtorch } from '../../lib/engine/libtorch/find-libtorch.js';
import { compileFakeDriver, noCompiler } from '../fake-driver.js';
import { skip } from '../skipped.js';
import { TemporaryCheckout } from './temporary-checkout.js';

const SETUP = ['scripts/setup.mjs', '--no-cuda', 'libtorch'];

/** Makes a named wheel: what torch and its companions have of each kind of file, in a few bytes. */
const wheelMaker = `
import platform, sys, zipfile
folder, name, version = sys.argv[1:]
machine = 183 if platform.machine() == "aarch64" else 62
library = (b"\\x7fELF\\x02\\x01" + bytes(12) + bytes([machine])).ljust(64, b"\\0")
files = {
    "torch": {
        "torch/__init__.py": "", "torch/version.py": f"__version__ = '{version if '+' in version else version + '+cu130'}'\\n",
        "torch/lib/libc10.so": library, "torch/lib/libtorch_cpu.so": library, "torch/lib/libtorch_cuda.so": library,
        "torch/lib/libtorch_python.so": "python", "torch/include/ATen/ATen.h": "", "torch/nn/modules.py": "",
        "torch-" + version + ".dist-info/METADATA": "",
    },
}.get(name, {
    f"nvidia/cu13/lib/lib{name}.so.13": name, "nvidia/cu13/include/header.h": "", "nvidia/cu13/lib/static.a": "",
})
with zipfile.ZipFile(f"{folder}/{name.replace('-', '_')}-{version}-py3-none-any.whl", "w") as archive:
    for path, text in files.items():
        archive.writestr(path, text)
`;

describe('fetching libtorch', () => {
  const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
  let checkout: TemporaryCheckout;
  let folder: string;

  beforeEach(() => {
    checkout = new TemporaryCheckout();
    checkout.useCompiledLibrary();
    checkout.write('wheel-maker.py', wheelMaker);
    folder = join(checkout.cache, `libtorch-2.11.0-${process.platform}-${process.arch}`);
    usePip('');
  });
  afterEach(() => checkout.remove());

  /** Replaces python3: no torch, a pip that makes its wheels, and a real interpreter for the rest. */
  function usePip(beforeDownload: string, afterDownload = ''): void {
    checkout.writeProgram(
      'python3',
      `case "$*" in *find_spec*) exit 0;; *"pip download"*) ;; *) exec "${python}" "$@";; esac
       for last; do :; done
       while [ "$1" != -d ]; do shift; done
       name="\${last%%==*}"; version="\${last##*==}"; folder="$2"
       echo "$name $version" >> "${checkout.path('downloads')}"
       mkdir -p "$folder"
       ${beforeDownload}
       "${python}" "${checkout.path('wheel-maker.py')}" "$folder" "$name" "$version"
       ${afterDownload}`,
    );
  }
  function setup(cuda = '--no-cuda') {
    return checkout.setup([cuda, 'libtorch']);
  }
  function downloads(): string[] {
    const log = checkout.path('downloads');
    return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  }
  function found(): string | undefined {
    return findLibtorch({ environment: checkout.environment, cuda: false }).chosen?.root;
  }
  async function killAfterMark(): Promise<void> {
    const running = checkout.start(SETUP);
    while (!existsSync(checkout.path('mark'))) await sleep(10);
    running.kill();
    await running.finished;
  }

  it('puts libtorch and what it is linked to side by side, without what only Python needs', async () => {
    const { code, errors } = await setup();
    assert.equal(code, 0, errors);
    assert.equal(found(), join(folder, 'torch'));
    assert.deepEqual(readdirSync(join(folder, 'torch', 'lib')).sort(), [
      'libc10.so',
      'libtorch_cpu.so',
      'libtorch_cuda.so',
    ]);
    assert.deepEqual(readdirSync(join(folder, 'torch')).sort(), [
      'include',
      'lib',
      'version.py',
      'virnucpro-wheels.json',
    ]);
    assert.deepEqual(readdirSync(join(folder, 'nvidia', 'cu13')), ['lib']);
    assert.deepEqual(
      readdirSync(checkout.cache).sort(),
      [folder, `${folder}.lock`].map((path) => path.slice(checkout.cache.length + 1)),
    );
  });

  it('is done once', async () => {
    await setup();
    const first = downloads();
    const { output } = await setup();
    assert.match(output, /^libtorch +up to date: 2\.11\.0\+cu130 in /);
    assert.deepEqual(downloads(), first);
  });

  it('is done again when the linker could not use what is there', async () => {
    await setup();
    const first = downloads();
    truncateSync(join(folder, 'torch', 'lib', 'libtorch_cpu.so'), 0);
    const { code, output } = await setup();
    assert.equal(code, 0);
    assert.match(output, /cache \(.*\): is damaged: lib\/libtorch_cpu\.so is empty/);
    assert.deepEqual(downloads().slice(first.length), [first[0]], 'libtorch alone');
    assert.equal(found(), join(folder, 'torch'));
  });

  it('leaves nothing that is taken for whole when it is killed in a download, and cleans up next time', async () => {
    usePip(`echo half > "$folder/$name.whl"; touch "${checkout.path('mark')}"; sleep 60`);
    await killAfterMark();
    assert.equal(found(), undefined);
    const left = readdirSync(checkout.cache).filter((name) => name.includes('.partial-'));
    assert.equal(left.length, 1, 'the test should have interrupted a download');
    usePip('');
    assert.equal((await setup()).code, 0);
    assert.equal(found(), join(folder, 'torch'));
    assert.deepEqual(
      readdirSync(checkout.cache).filter((name) => name.includes('.partial-')),
      [],
    );
  });

  it('removes what a killed process left though there is nothing to fetch, and nothing of a living one', async () => {
    await setup();
    const left = (name: string) => `${folder}.partial-${name}`;
    const longAgo = Date.now() / 1000 - 3600;
    for (const name of ['host-1.7.7', 'other.host-1.8.8', 'other.host-1.9.9']) {
      mkdirSync(join(left(name), 'torch', 'lib'), { recursive: true });
      writeFileSync(join(left(name), 'torch', 'lib', 'libtorch_cpu.so'), 'half');
    }
    // The sign of life of a process on another machine is its file in the lock; the third process has none at all.
    for (const name of ['other.host-1.8.8', 'host-1.7.7']) writeFileSync(join(`${folder}.lock`, name), '');
    utimesSync(join(`${folder}.lock`, 'host-1.7.7'), longAgo, longAgo);
    assert.match((await setup()).output, /^libtorch +up to date/);
    assert.deepEqual(
      readdirSync(checkout.cache).filter((name) => name.includes('.partial-')),
      [left('other.host-1.8.8').slice(checkout.cache.length + 1)],
    );
  });

  it('is not taken for whole when killed between libtorch and its companions, and goes on from there', async () => {
    usePip(`if [ "$name" = nvidia-cuda-cupti ]; then touch "${checkout.path('mark')}"; sleep 60; fi`);
    await killAfterMark();
    assert.equal(existsSync(join(folder, 'torch', 'lib', 'libtorch_cpu.so')), true);
    assert.equal(found(), undefined);
    rmSync(checkout.path('downloads'));
    usePip('');
    assert.equal((await setup()).code, 0);
    assert.equal(found(), join(folder, 'torch'));
    assert.deepEqual(
      downloads().map((line) => line.split(' ')[0]),
      ['nvidia-cuda-runtime', 'nvidia-cuda-cupti'],
    );
  });

  it('refuses a wheel that is cut off, in one line, and leaves nothing', async () => {
    usePip('', 'for wheel in "$folder"/*.whl; do head -c 300 "$wheel" > cut && mv cut "$wheel"; done');
    const { code, errors } = await setup();
    assert.equal(code, 1);
    assert.match(errors, /^Could not unpack .*torch-2\.11\.0.*\n$/);
    assert.equal(found(), undefined);
    assert.equal(existsSync(folder), false);
  });

  it('says in one line that there is no network, and what to do', async () => {
    usePip(`echo "WARNING: Retrying after connection broken by 'NewConnectionError(...)'" >&2
            echo "ERROR: No matching distribution found for $last" >&2; exit 1`);
    const { code, errors } = await setup();
    assert.equal(code, 1);
    assert.match(errors, /^Could not download torch 2\.11\.0: the package index cannot be reached\. .*LIBTORCH=.*\n$/);
  });

  it("repeats pip's own reason when it has another", async () => {
    usePip('echo "ERROR: No matching distribution found for $last" >&2; exit 1');
    assert.match((await setup()).errors, /: No matching distribution found for torch==2\.11\.0\. /);
  });

  it('happens once when two checkouts ask at the same time', async () => {
    // The first downloads until the other waits for it.
    usePip(`touch "${checkout.path('mark')}"; until [ -e "${checkout.path('awaited')}" ]; do sleep 0.1; done`);
    const other = new TemporaryCheckout();
    other.useCompiledLibrary();
    const shared = { VIRNUCPRO_CACHE: checkout.cache, PATH: checkout.environment['PATH'] };
    const first = checkout.start(SETUP);
    while (!existsSync(checkout.path('mark'))) await sleep(10);
    const second = other.start(SETUP, shared);
    await second.prints('waiting for another setup that uses');
    checkout.write('awaited', '');
    const both = await Promise.all([first.finished, second.finished]);
    other.remove();
    for (const { code, errors } of both) assert.equal(code, 0, errors);
    assert.deepEqual(
      both.map(({ output }) => output.includes('waiting for another setup that uses')),
      [false, true],
    );
    assert.equal(new Set(downloads()).size, downloads().length);
  });

  it('adds the CUDA libraries to a cache that was made without, and keeps libtorch itself', async () => {
    await setup();
    rmSync(checkout.path('downloads'));
    const { code, errors } = await setup('--cuda');
    assert.equal(code, 0, errors);
    const names = downloads().map((line) => line.split(' ')[0]);
    assert.ok(names.includes('nvidia-cublas') && !names.includes('torch'), names.join());
    assert.ok(existsSync(join(folder, 'nvidia', 'cu13', 'lib', 'libnvidia-cublas.so.13')));
    assert.ok(existsSync(join(folder, 'nvidia', 'cu13', 'lib', 'libnvidia-cuda-runtime.so.13')));
  });

  describe('of CUDA 12', () => {
    const names = (): (string | undefined)[] => downloads().map((line) => line.split(' ')[0]);
    const version = (): string | undefined =>
      findLibtorch({ environment: checkout.environment, cuda: false }).chosen?.version;

    it('takes the place of that of CUDA 13, companions and all, and stays', async () => {
      await setup('--cuda');
      rmSync(checkout.path('downloads'));
      const { code, output, errors } = await checkout.setup(['--cuda', '12', 'libtorch']);
      assert.equal(code, 0, errors);
      assert.match(output, /2\.11\.0\+cu128 in /);
      assert.equal(version(), '2.11.0+cu128');
      assert.equal(downloads()[0], 'torch 2.11.0+cu128');
      assert.ok(
        names()
          .slice(1)
          .every((name) => name!.endsWith('-cu12')),
        names().join(),
      );
      for (const needed of ['nvidia-cuda-runtime-cu12', 'nvidia-cublas-cu12']) assert.ok(names().includes(needed));
      assert.match((await setup('--cuda')).output, /^libtorch +up to date: 2\.11\.0\+cu128 in /);
      assert.equal((await checkout.setup(['--cuda', '13', 'libtorch'])).code, 0);
      assert.equal(version(), '2.11.0+cu130');
    });

    it('is what a driver needs that runs no newer one', async function () {
      const reason = noCompiler();
      if (reason !== undefined) skip(this, reason);
      compileFakeDriver(checkout.path('driver'), ['cuda']);
      const driver = (cuda: string) => ({ LD_LIBRARY_PATH: checkout.path('driver'), FAKE_CUDA_VERSION: cuda });
      assert.equal((await checkout.setup(['libtorch'], driver('13000'))).code, 0);
      assert.equal(version(), '2.11.0+cu130');
      assert.equal((await checkout.setup(['libtorch'], driver('12020'))).code, 0);
      assert.equal(version(), '2.11.0+cu128');
      rmSync(checkout.path('downloads'));
      assert.match((await checkout.setup(['libtorch'], driver('13010'))).output, /up to date: 2\.11\.0\+cu128/);
      assert.deepEqual(downloads(), [], 'a newer driver runs it too');
    });

    it('is in another index than that of CUDA 13, which is said where it is not found', async () => {
      usePip('echo "ERROR: No matching distribution found for $last" >&2; exit 1');
      const { code, errors } = await checkout.setup(['--cuda', '12', 'libtorch']);
      assert.equal(code, 1);
      assert.match(
        errors,
        /^Could not download torch 2\.11\.0\+cu128: .*`export PIP_EXTRA_INDEX_URL=`.*--no-cuda\)\n$/,
      );
    });

    it('is not fetched where another libtorch comes first', async () => {
      await setup();
      const first = downloads();
      const other = checkout.path('other');
      renameSync(folder, other);
      const { code, errors } = await checkout.setup(['--cuda', '12', 'libtorch'], { LIBTORCH: join(other, 'torch') });
      assert.equal(code, 1);
      assert.match(
        errors,
        /^Expected a libtorch for CUDA 12 but .* comes first, is for CUDA 13\.0\. `unset LIBTORCH`\n$/,
      );
      assert.deepEqual(downloads(), first);
    });
  });

  it('does not replace a $LIBTORCH that is of no use', async () => {
    const { code, errors } = await checkout.setup(['libtorch'], { LIBTORCH: '/nowhere' });
    assert.equal(code, 1);
    assert.match(
      errors,
      /^Expected libtorch 2\.11\.x in \$LIBTORCH but \/nowhere has no lib\/libtorch_cpu\.so\. .*`unset LIBTORCH`\n$/,
    );
    assert.deepEqual(downloads(), []);
  });
});
