import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { packageVersion } from '../../lib/package.js';
import { fixture, repositoryRoot } from '../repository.js';
import { compiledLibrary } from './temporary-checkout.js';

interface BundleManifest {
  requires: Record<'GLIBC' | 'GLIBCXX' | 'CXXABI', string>;
  packages: { name: string; license: string }[];
  files: { name: string; bytes: number; sha256: string }[];
}

interface PackageManifest {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const MAX_BYTES = 60 * 2 ** 20;

describe('the bundle', () => {
  const { path: addon, libtorch } = loadAddon();
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-bundle-test-'));
  const archive = join(folder, 'made', 'bundle.tar.xz');
  const home = join(folder, 'home');
  let root: string;

  function bundle(...words: string[]) {
    const library = ['--library', compiledLibrary, '--addon', dirname(addon)];
    // Fast rather than small: if the limit holds for this preset, it holds for the real one.
    const script = [join(repositoryRoot, 'scripts', 'bundle.mjs'), '--preset', '0', ...library, ...words];
    return spawnSync(process.execPath, script, { cwd: folder, encoding: 'utf8' });
  }

  /** Runs the bundle's launcher with only the given environment. */
  function virnucpro(words: readonly string[], environment: NodeJS.ProcessEnv, before: readonly string[] = []) {
    const [program, ...rest] = [...before, join(root, 'virnucpro'), ...words];
    const env = { HOME: home, TMPDIR: home, ...environment };
    return spawnSync(program!, rest, { cwd: folder, encoding: 'utf8', env });
  }

  function filesIn(path: string): string[] {
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(path, join(entry.parentPath, entry.name)));
  }

  function manifest(): BundleManifest {
    return JSON.parse(readFileSync(join(root, 'MANIFEST.json'), 'utf8')) as BundleManifest;
  }

  before(() => {
    mkdirSync(home);
    const { status, stderr } = bundle('--output', archive);
    assert.equal(status, 0, stderr);
    const elsewhere = join(folder, 'else where');
    mkdirSync(elsewhere);
    execFileSync('tar', ['-xf', archive, '-C', elsewhere]);
    const [name, ...others] = readdirSync(elsewhere);
    assert.deepEqual(others, []);
    root = join(elsewhere, name!);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is small enough', () => {
    assert.ok(statSync(archive).size < MAX_BYTES, `${statSync(archive).size} bytes`);
  });

  it('is the same, byte for byte, when it is made again', () => {
    const again = join(folder, 'again.tar.xz');
    assert.equal(bundle('--output', again).status, 0);
    assert.ok(readFileSync(again).equals(readFileSync(archive)));
  });

  it('has the packages that run, with their licences, and no others', () => {
    const project = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as PackageManifest;
    const packages = manifest().packages.map(({ name }) => name);
    for (const name of Object.keys(project.dependencies)) assert.ok(packages.includes(name), name);
    const { packages: locked } = JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean }>;
    };
    // A tool of the tests may be what a package needs that runs.
    const tools = Object.keys(project.devDependencies).filter((name) => locked[`node_modules/${name}`]?.dev);
    for (const name of tools) {
      assert.ok(!packages.includes(name), name);
      assert.throws(() => statSync(join(root, 'node_modules', name)), { code: 'ENOENT' });
    }
    for (const { name, license } of manifest().packages)
      assert.match(license, /^(MIT|ISC|BSD-[23]-Clause|Apache-2.0)$/, name);
    assert.match(readFileSync(join(root, 'licenses', 'node.txt'), 'utf8'), /^Node\.js is licensed/);
    assert.match(readFileSync(join(root, 'licenses', 'xz-decompress.txt'), 'utf8'), /Permission is hereby granted/);
  });

  it('has the models that come with the program', () => {
    const [models, bundled] = [join(repositoryRoot, 'models'), join(root, 'models')];
    assert.deepEqual(
      existsSync(bundled) ? filesIn(bundled).sort() : [],
      existsSync(models) ? filesIn(models).sort() : [],
    );
  });

  it('lists every file with its hash', () => {
    const { files } = manifest();
    const names = files.map(({ name }) => name);
    assert.deepEqual(
      names,
      filesIn(root)
        .filter((name) => name !== 'MANIFEST.json')
        .sort(),
    );
    for (const { name, bytes, sha256 } of files) {
      const content = readFileSync(join(root, name));
      assert.equal(content.length, bytes, name);
      assert.equal(createHash('sha256').update(content).digest('hex'), sha256, name);
    }
  });

  it('has nothing that names the machine that it was made on, and no types or maps', () => {
    for (const name of filesIn(root)) {
      assert.doesNotMatch(name, /\.(ts|map)$/);
      const content = readFileSync(join(root, name));
      for (const path of [repositoryRoot, libtorch.root]) assert.ok(!content.includes(path), `${name} names ${path}`);
    }
  });

  it('has what setup needs', () => {
    const { status, stdout, stderr } = virnucpro(['setup', '--dry-run'], { PATH: '/nowhere', LIBTORCH: libtorch.root });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `libtorch     up to date: ${libtorch.version} in ${libtorch.root}\n`);
  });

  it('needs no program but a shell, and finds libtorch by $LIBTORCH', () => {
    const { status, stdout, stderr } = virnucpro(['--version'], { PATH: '/nowhere', LIBTORCH: libtorch.root });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `virnucpro ${packageVersion}\nlibtorch ${libtorch.version}\n`);
  });

  it('says how to get a libtorch where there is none', () => {
    const { status, stderr } = virnucpro(['--version'], { PATH: '/nowhere', LIBTORCH: '/nowhere' });
    assert.equal(status, 1);
    assert.match(stderr, /`unset LIBTORCH; python3 -m pip install 'torch==2\.11\.\*'`\n$/);
  });

  it('runs through links to it, from any folder', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(join(root, 'virnucpro'), join(bin, 'first'));
    symlinkSync('first', join(bin, 'second'));
    const env = { PATH: '/usr/bin:/bin', LIBTORCH: libtorch.root };
    assert.match(execFileSync(join(bin, 'second'), ['--version'], { cwd: bin, encoding: 'utf8', env }), /^virnucpro /);
    assert.match(execFileSync('sh', ['second', '--version'], { cwd: bin, encoding: 'utf8', env }), /^virnucpro /);
  });

  it('finds the torch of the python3 on PATH', () => {
    const bin = join(folder, 'python');
    mkdirSync(bin);
    writeFileSync(join(bin, 'python3'), `#!/bin/sh\necho '${libtorch.root}'\n`);
    chmodSync(join(bin, 'python3'), 0o755);
    const { status, stdout, stderr } = virnucpro(['doctor'], { PATH: bin });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /python3 on PATH \(.*\): chosen: libtorch 2\.11/);
    assert.ok(stdout.includes(join(root, 'prebuilds')), stdout);
    assert.match(stdout, /^ok +known answer on cpu /m);
  });

  it('predicts with the model that came along, and makes another, without a network where one can be taken away', () => {
    const offline = spawnSync('unshare', ['-rn', 'true']).status === 0 ? ['unshare', '-rn'] : [];
    const env = { PATH: '/usr/bin:/bin', LIBTORCH: libtorch.root };
    const results = join(folder, 'results');
    // With all libraries that decompress input.
    const packed = ['gz', 'bz2', 'xz', 'zst'].map((ending) => fixture('input', `contigs.fa.${ending}`));
    const inputs = [join(root, 'examples', 'contigs.fa'), ...packed];
    const words = ['predict', ...inputs, '--output', results, '--device', 'cpu'];
    const predicted = virnucpro(words, env, offline);
    assert.equal(predicted.status, 0, predicted.stderr);
    const table = readFileSync(join(results, 'contigs.tsv'), 'utf8');
    assert.match(table, /^# virnucpro .* model=virnucpro-mini /);
    assert.match(table, /^dna_phage\t.*\tscored\t/m);
    assert.equal(table.match(/^contig_0\t/gm)?.length, packed.length);
    const sizes = ['--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    const made = virnucpro(['models', 'random', '--name', 'tiny', ...sizes], env, offline);
    assert.equal(made.status, 0, made.stderr);
  });

  it('says what it needs of a system, and with --portable refuses to need more than libtorch', () => {
    const { requires } = manifest();
    const [, minor = NaN] = requires.GLIBC.split('.').map(Number);
    assert.ok(minor >= 28, requires.GLIBC);
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    assert.ok(readme.includes(`glibc ${requires.GLIBC} and a libstdc++ with GLIBCXX_${requires.GLIBCXX}`), readme);
    const { status, stderr } = bundle('--portable', '--output', join(folder, 'portable.tar.xz'));
    const isPortable = requires.GLIBC === '2.28' && requires.GLIBCXX === '3.4.22' && requires.CXXABI === '1.3.11';
    assert.equal(status, isPortable ? 0 : 1);
    if (!isPortable) assert.match(stderr, /^This bundle needs glibc .* build the addon on one as old as/);
  });

  for (const { words, message } of [
    {
      words: ['--preset', '10'],
      message: /^Expected --output FILE, --preset 0\.\.9, .* but received `.*--preset 10`\n$/,
    },
    { words: ['--addon', '/nowhere'], message: /^Expected \/nowhere\/virnucpro_loader\.node but there is none.*\n$/ },
    { words: ['--node-license', '/nowhere'], message: /^Expected the licence of Node in \/nowhere: .*\n$/ },
  ]) {
    it(`refuses ${words.join(' ')} in one line`, () => {
      const { status, stderr } = bundle(...words);
      assert.equal(status, 1);
      assert.match(stderr, message);
    });
  }
});
