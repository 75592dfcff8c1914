import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedLibtorchFolder } from '../../lib/engine/libtorch/find-libtorch.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { TemporaryCheckout, writeLibtorch } from '../90-setup/temporary-checkout.js';
import { fixture, repositoryRoot } from '../repository.js';
import { failsWith, succeeds } from './command-line.js';
import { copyProgram } from './program-copy.js';

describe('a Node that is too old', () => {
  const preload = fixture('old-node', 'preload.cjs');
  const line = /^virnucpro: Expected Node 20\.19 or later[^\n]* but received 18\.20\.8 \(.*\)\. Install [^\n]*\n$/;

  function node(...args: string[]) {
    return spawnSync(process.execPath, ['-r', preload, ...args], {
      cwd: repositoryRoot,
      encoding: 'utf8',
      timeout: 300_000,
      killSignal: 'SIGKILL',
    });
  }

  for (const args of [
    ['bin/virnucpro.js', 'predict', 'examples/contigs.fa'],
    ['bin/virnucpro.js', 'doctor'],
    ['bin/virnucpro.js', '--version'],
    ['scripts/setup.mjs'],
    ['scripts/demo.mjs'],
  ]) {
    it(`is refused in one line before anything else: ${args.join(' ')}`, () => {
      const { status, stdout, stderr } = node(...args);
      assert.match(stderr, line);
      assert.deepEqual([status, stdout], [1, '']);
    });
  }

  it('is refused before a script is even read, as npm run setup has it', () => {
    // Without the hooks: a Node that ends while their thread starts waits for the thread for ever.
    const args = ['-r', fixture('old-node', 'version.cjs'), '-r', './bin/refuse-old-node.js', 'no-such-script.mjs'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: repositoryRoot, encoding: 'utf8' });
    assert.match(stderr, line);
    assert.equal(status, 1);
    const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const name of ['setup', 'demo', 'test'])
      assert.match(scripts[name] ?? '', /^node -r \.\/bin\/refuse-old-node\.js /);
  });

  it('is refused by the library with an error of its own', () => {
    const source = `await import('virnucpro').catch(({ code, message }) => console.log(code, message))`;
    const { stdout, stderr } = node('--input-type=module', '-e', source);
    assert.match(stdout, /^VNP_NODE Expected Node 20\.19 or later.* but received 18\.20\.8\. Install /, stderr);
  });

  it('lacks what Node 18 lacks: a module that asks for it by name does not link', () => {
    const { stderr } = node('--input-type=module', '-e', `import { crc32 } from 'node:zlib'; crc32('');`);
    assert.match(stderr, /SyntaxError: .* does not provide an export named 'crc32'/);
  });
});

describe('an installation that is not complete', () => {
  let folder: string;
  let program: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-incomplete-'));
    program = copyProgram(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('says so in a clone that was never set up', async () => {
    rmSync(join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'tsconfig.json'), '{}');
    await failsWith(/Expected the compiled program in .*dist but it is not there\. Run `npm run setup`/, ['doctor'], {
      program,
    });
  });

  it('says so in a package of which files are missing', async () => {
    rmSync(join(folder, 'dist', 'lib', 'errors.js'));
    await failsWith(
      /Expected a complete installation in .* Cannot find module .*errors\.js.*\. Install virnucpro again/,
      ['doctor'],
      {
        program,
      },
    );
  });

  it('says so in a package of which files are cut short', async () => {
    const damages = [join('dist', 'lib', 'errors.js'), 'package.json'];
    for (const name of damages) {
      truncateSync(join(folder, name), 10);
      await failsWith(/Expected a complete installation in .*\. Install virnucpro again/, ['doctor'], { program });
      cpSync(join(repositoryRoot, name), join(folder, name));
    }
  });

  it('says so without its packages', async () => {
    rmSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'tsconfig.json'), '{}');
    await failsWith(
      /Expected a complete installation in .* Cannot find package '.*\. Run `npm run setup`/,
      ['doctor'],
      {
        program,
      },
    );
  });
});

describe('a Node that cannot run the program', () => {
  function version(...args: string[]): { status: number | null; stderr: string } {
    return spawnSync('bash', args, { cwd: repositoryRoot, encoding: 'utf8' });
  }
  const program = join(repositoryRoot, 'bin', 'virnucpro.js');

  it('is told so where it may load no addons', () => {
    const { status, stderr } = version(
      '-c',
      'exec "$@"',
      'bash',
      process.execPath,
      '--no-addons',
      program,
      '--version',
    );
    assert.match(
      stderr,
      /^virnucpro: .* does not load: this Node was started with add-ons disabled\. Run it without .*\n$/,
    );
    assert.equal(status, 1);
  });

  it('is told so in a folder that was removed', () => {
    const script = 'folder=$(mktemp -d); cd "$folder"; rmdir "$folder"; exec "$@"';
    const { status, stderr } = version('-c', script, 'bash', process.execPath, program, '--version');
    const lines = stderr.split('\n').filter((line) => line.startsWith('virnucpro: '));
    assert.match(
      lines.join('\n'),
      /^virnucpro: The working directory was removed, or its path is too long .*\. Change to another directory/,
    );
    assert.doesNotMatch(stderr, /MKL|\n {4}at /);
    assert.equal(status, 1);
  });
});

describe('a torch of python3 that does not load', () => {
  let checkout: TemporaryCheckout;
  beforeEach(() => (checkout = new TemporaryCheckout()));
  afterEach(() => checkout.remove());

  it('is named in a warning, and the libtorch of the cache is used', async () => {
    const torch = writeLibtorch(checkout.path('python', 'torch'), '2.11.0');
    checkout.writeProgram('python3', `echo "${torch}"`);
    const cached = cachedLibtorchFolder('2.11.0', { VIRNUCPRO_CACHE: checkout.cache });
    mkdirSync(join(cached, 'nvidia'), { recursive: true });
    symlinkSync(loadAddon().libtorch.root, join(cached, 'torch'));
    const environment = { PATH: checkout.environment['PATH'] ?? '', LIBTORCH: '', VIRNUCPRO_CACHE: checkout.cache };
    const args = ['predict', join(repositoryRoot, 'examples', 'contigs.fa'), '-o', checkout.path('results')];
    const { errors } = await succeeds(args, { environment, models: checkout.path('models') });
    const place = torch.replaceAll('.', '\\.');
    assert.match(errors, new RegExp(`WARN: the libtorch of ${place} is not used: it does not load: .*torch/lib`));
    assert.ok(errors.includes(`Using the one in ${join(cached, 'torch')}\n`), errors);
  });
});
