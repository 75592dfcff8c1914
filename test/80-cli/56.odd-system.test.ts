import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLibtorch } from '../../lib/engine/libtorch/find-libtorch.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { noCompiler } from '../fake-driver.js';
import { installGoldenModel, type InstalledModel } from '../golden-model.js';
import { fixture, repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { succeeds, virnucpro } from './command-line.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const ARGS = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress'];

describe('a system that answers oddly', () => {
  let folder: string;
  let installed: InstalledModel;
  let odd: string;
  let count = 0;

  before(async function () {
    const compiler = noCompiler();
    if (compiler !== undefined) skip(this, compiler);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-odd-'));
    odd = join(folder, 'odd-system.so');
    const args = ['-shared', '-fPIC', '-Wall', '-Werror', '-o', odd, fixture('odd-system', 'odd-system.c')];
    const { status, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    installed = await installGoldenModel();
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
    (installed as InstalledModel | undefined)?.remove();
  });

  function predicting(): { args: string[]; output: string } {
    const output = join(folder, `results-${count++}`);
    return { args: ['predict', INPUT, '--output', output, '--model', 'golden', ...ARGS], output };
  }

  it('is known to: the fixture changes what Node is answered', () => {
    const source = `
      const { fsyncSync } = require('node:fs');
      for (const call of [() => fsyncSync(1), () => process.resourceUsage()])
        try { call(); console.log('no error'); } catch ({ code }) { console.log(code); }`;
    const env = { ...process.env, LD_PRELOAD: odd, ODD_FSYNC: String(constants.errno.EINVAL), ODD_GETRUSAGE: '1' };
    const { stdout } = spawnSync(process.execPath, ['-e', source], { env, encoding: 'utf8' });
    assert.deepEqual(stdout.trim().split('\n'), ['EINVAL', 'EPERM']);
  });

  for (const code of ['EINVAL', 'EOPNOTSUPP', 'ENOSYS'] as const) {
    it(`is no failure where it cannot force a file to the disk: ${code}`, async () => {
      const environment = { LD_PRELOAD: odd, ODD_FSYNC: String(constants.errno[code]) };
      const { args, output } = predicting();
      const { errors } = await succeeds([...args, '--save-embeddings'], { ...installed, environment });
      assert.doesNotMatch(errors, /WARN|ERROR/);
      const called = join(folder, `called-${code}`);
      await succeeds(['call', output, '--output', called], { ...installed, environment });
      assert.ok(existsSync(join(called, 'run.json')));
    });
  }

  it('is a failure where the disk itself is at fault', async () => {
    const environment = { LD_PRELOAD: odd, ODD_FSYNC: String(constants.errno.EIO) };
    const { end, errors } = await virnucpro(predicting().args, { ...installed, environment });
    assert.equal(end, 1);
    assert.match(errors, /^virnucpro: [^\n]* cannot be written to: [^\n]*EIO[^\n]*\. Check the disk\n$/);
  });

  it('is no failure where it tells no use of memory, which is read elsewhere', async () => {
    const environment = { LD_PRELOAD: odd, ODD_GETRUSAGE: String(constants.errno.EPERM) };
    const { args, output } = predicting();
    await succeeds(args, { ...installed, environment });
    const { peakResidentBytes } = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest;
    assert.ok(peakResidentBytes > 2 ** 20, String(peakResidentBytes));
  });

  it('is no failure where the user has no home', function () {
    const start = ['--user', '--map-user=54321', process.execPath];
    const { error, stderr } = spawnSync('unshare', [...start, '-e', ''], { encoding: 'utf8' });
    if (error || stderr) skip(this, `no user without an entry can be had: ${error?.message ?? stderr.trim()}`);
    const env = { PATH: process.env['PATH'], VIRNUCPRO_ADDON: '/nowhere' };
    const homeless = spawnSync('unshare', [...start, '-e', 'require("os").homedir()'], { env, encoding: 'utf8' });
    assert.match(homeless.stderr, /uv_os_homedir/);
    const program = join(repositoryRoot, 'bin', 'virnucpro.js');
    const doctor = spawnSync('unshare', [...start, program, 'doctor', '--json'], { env, encoding: 'utf8' });
    assert.equal(doctor.stderr, '');
    assert.match(doctor.stdout, /"name": "cache folder",\n.*\n.*"\/\.cache\/virnucpro/);
    const { stdout } = spawnSync('unshare', [...start, program, 'models', 'list'], { env, encoding: 'utf8' });
    assert.match(stdout, /virnucpro-mini/);
  });

  describe('with a home that is of no use', () => {
    const program = join(repositoryRoot, 'bin', 'virnucpro.js');
    const shipped = join(repositoryRoot, 'models');
    /** A user other than root, which may read everything. */
    const asUser = ['--user', '--map-user=54321', process.execPath];
    const { PATH = '', VIRNUCPRO_ADDON = '' } = process.env;
    const library = `import(${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)})
      .then(({ open }) => open({})).catch(({ code, message }) => console.log(code, message))`;
    let home: string | undefined;
    const at = (...names: string[]): string => join(home!, ...names);

    before(function () {
      const { error, stderr } = spawnSync('unshare', [...asUser, '-e', ''], { encoding: 'utf8' });
      if (error || stderr) skip(this, `no other user can be had: ${error?.message ?? stderr.trim()}`);
      home = mkdtempSync(join(tmpdir(), 'virnucpro-home-'));
      writeFileSync(at('file'), '');
      mkdirSync(at('read-only'), { mode: 0o555 });
      // No torch in Python.
      mkdirSync(at('bin'));
      writeFileSync(at('bin', 'python3'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      mkdirSync(at('hidden', '.cache', 'virnucpro'), { recursive: true });
      chmodSync(at('hidden'), 0o000);
    });
    after(() => {
      if (home === undefined) return;
      chmodSync(at('hidden'), 0o700);
      rmSync(home, { recursive: true });
    });

    function run(args: readonly string[], variables: NodeJS.ProcessEnv) {
      const env = { PATH: `${at('bin')}:${PATH}`, ...(VIRNUCPRO_ADDON && { VIRNUCPRO_ADDON }), ...variables };
      return spawnSync('unshare', [...asUser, ...args], { env, encoding: 'utf8' });
    }
    const predictTo = (name: string): string[] => {
      return [program, 'predict', join(repositoryRoot, 'examples', 'contigs.fa'), '-o', at(name)];
    };

    for (const name of [undefined, 'file', 'read-only', 'hidden']) {
      it(`predicts where everything is named: ${name ?? 'none'}`, () => {
        const variables = { LIBTORCH: findLibtorch().chosen!.root, ...(name && { HOME: at(name) }) };
        const args = [...predictTo(`of-${name ?? 'none'}`), '--models', shipped, '--model', 'virnucpro-mini'];
        const { status, stderr } = run(args, variables);
        assert.equal(status, 0, stderr);
      });
    }

    for (const [name, reason] of [
      ['file', 'ENOTDIR'],
      ['hidden', 'EACCES'],
    ] as const) {
      it(`names the variable to set instead of the folder of models: ${name}`, () => {
        const variables = { HOME: at(name) };
        const message = new RegExp(`installed models cannot be read: ${reason}.*\\. Set VIRNUCPRO_MODELS .*HOME`);
        for (const args of [[program, 'models', 'list'], predictTo('refused')]) {
          const { status, stderr } = run(args, variables);
          assert.equal(status, 1);
          assert.match(stderr, message);
          assert.doesNotMatch(stderr, /internal error|\n {4}at /);
        }
        const { stdout } = run(['-e', library], variables);
        assert.match(stdout, /^VNP_MODEL_MISSING /);
        assert.match(stdout, message);
        const doctor = run([program, 'doctor'], variables);
        assert.match(doctor.stdout, message);
        assert.match(doctor.stdout, /warning +cache folder .*\n.*Set XDG_CACHE_HOME/);
        assert.equal(doctor.stderr, '');
      });
    }

    it('names LIBTORCH where that of another user cannot be read', () => {
      const hidden = at('hidden', '.cache', 'virnucpro', 'libtorch-2.11.0-linux-x64', 'torch');
      const next = /cannot be read: EACCES.*Set LIBTORCH to the folder of a libtorch that this user can read/s;
      for (const variables of [{ LIBTORCH: hidden }, { XDG_CACHE_HOME: at('hidden', '.cache') }]) {
        const { status, stderr } = run([...predictTo('refused'), '--models', shipped], variables);
        assert.equal(status, 1);
        assert.match(stderr, next);
        assert.doesNotMatch(stderr, /internal error|\n {4}at /);
        assert.match(run([program, 'doctor'], variables).stdout, next);
        const { stdout } = run(['-e', library], { ...variables, VIRNUCPRO_MODELS: shipped });
        assert.match(stdout, /^VNP_LIBTORCH /);
        assert.match(stdout, next);
      }
    });

    it('names LIBTORCH where there is none', () => {
      const { stderr } = run([...predictTo('refused'), '--models', shipped], { XDG_CACHE_HOME: at('none') });
      assert.match(stderr, /holds no libtorch\. Run `.*`, or set LIBTORCH to the folder of one\n$/);
    });
  });
});
