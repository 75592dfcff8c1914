import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { TemporaryCheckout } from './temporary-checkout.js';

/** Mounts a file system with noexec in a namespace of its own, fills it and runs a command. */
const onNoexec = `
mount -t tmpfs -o noexec,size=64m tmpfs "$PLACE" || exit 77
cp -r "$PARTS/." "$PLACE"
exec "$@"`;

describe('a file system that is mounted noexec', () => {
  let checkout: TemporaryCheckout;
  const loaded = loadAddon();
  beforeEach(() => {
    checkout = new TemporaryCheckout();
    mkdirSync(checkout.path('place'));
    mkdirSync(checkout.path('parts', 'lib'), { recursive: true });
  });
  afterEach(() => checkout.remove());

  /** A libtorch of which the linker meets only the first library, a small one. */
  function makeLibtorch(root: string): void {
    const { libtorch } = loaded;
    mkdirSync(join(root, 'lib'), { recursive: true });
    for (const name of ['libc10.so', 'libtorch_cpu.so'])
      copyFileSync(join(libtorch.root, 'lib', 'libc10.so'), join(root, 'lib', name));
    copyFileSync(join(libtorch.root, 'version.py'), join(root, 'version.py'));
  }

  function version(test: Mocha.Context, environment: NodeJS.ProcessEnv): string {
    const { root } = loaded.libtorch;
    const program = [process.execPath, join(repositoryRoot, 'bin', 'virnucpro.js'), '--version'];
    const words = ['--user', '--map-root-user', '--mount', 'sh', '-c', onNoexec, 'sh', ...program];
    const { status, stderr, error } = spawnSync('unshare', words, {
      env: {
        ...{ ...checkout.environment, LIBTORCH: root, PLACE: checkout.path('place'), PARTS: checkout.path('parts') },
        ...{ VIRNUCPRO_ADDON: dirname(loaded.path), ...environment },
      },
      encoding: 'utf8',
    });
    if (error || status === 77 || stderr.startsWith('unshare:'))
      skip(test, `nothing can be mounted here: ${error?.message ?? stderr.trim()}`);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^virnucpro: [^\n]*does not load: [^\n]* is mounted noexec, so libraries there cannot be loaded[^\n]*\n$/,
    );
    return stderr;
  }

  it('is named when the addon lies there, with the variable that moves it', function () {
    for (const name of ['virnucpro.node', 'virnucpro_loader.node'])
      copyFileSync(join(dirname(loaded.path), name), checkout.path('parts', name));
    const text = version(this, { VIRNUCPRO_ADDON: checkout.path('place') });
    assert.match(
      text,
      /does not load: \S*\/place is mounted noexec.*\. Set VIRNUCPRO_ADDON to a copy of this folder on a file system/,
    );
    assert.doesNotMatch(text, /npm run setup/);
  });

  it('is named when $LIBTORCH lies there', function () {
    makeLibtorch(checkout.path('parts'));
    const text = version(this, { LIBTORCH: checkout.path('place') });
    assert.match(text, /does not load: \S*\/place is mounted noexec.*\. Set LIBTORCH to a copy on a file system/);
    assert.doesNotMatch(text, /npm run setup/);
  });

  it('is named when the cache lies there, with the variable that moves it', function () {
    const folder = checkout.path('parts', `libtorch-2.11.0-${process.platform}-${process.arch}`);
    makeLibtorch(join(folder, 'torch'));
    mkdirSync(join(folder, 'nvidia'));
    checkout.writeProgram('python3', 'exit 0');
    const text = version(this, { LIBTORCH: '', VIRNUCPRO_CACHE: checkout.path('place') });
    assert.match(text, /cache \(.*\): does not load: \S*\/place is mounted noexec/);
    assert.match(
      text,
      /\. Set VIRNUCPRO_CACHE to a folder on a file system .* without noexec, then run `npm run setup`\n$/,
    );
  });
});
