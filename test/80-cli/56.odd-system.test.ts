import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunManifest } from '../../lib/output/manifest.js';
import { noCompiler } from '../fake-driver.js';
import { installGoldenModel, type InstalledModel } from '../golden-model.js';
import { fixture, repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { succeeds, virnucpro } from './command-line.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const WORDS = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress'];

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
    const words = ['-shared', '-fPIC', '-Wall', '-Werror', '-o', odd, fixture('odd-system', 'odd-system.c')];
    const { status, stderr } = spawnSync('cc', words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    installed = await installGoldenModel();
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
    (installed as InstalledModel | undefined)?.remove();
  });

  function predicting(): { words: string[]; output: string } {
    const output = join(folder, `results-${count++}`);
    return { words: ['predict', INPUT, '--output', output, '--model', 'golden', ...WORDS], output };
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
      const { words, output } = predicting();
      const { errors } = await succeeds([...words, '--save-embeddings'], { ...installed, environment });
      assert.doesNotMatch(errors, /WARN|ERROR/);
      const called = join(folder, `called-${code}`);
      await succeeds(['call', output, '--output', called], { ...installed, environment });
      assert.ok(existsSync(join(called, 'run.json')));
    });
  }

  it('is a failure where the disk itself is at fault', async () => {
    const environment = { LD_PRELOAD: odd, ODD_FSYNC: String(constants.errno.EIO) };
    const { end, errors } = await virnucpro(predicting().words, { ...installed, environment });
    assert.equal(end, 1);
    assert.match(
      errors,
      /^virnucpro: Expected a directory that can be written to for [^\n]* EIO[^\n]*\. Check the disk\n$/,
    );
  });

  it('is no failure where it tells no use of memory, which is read elsewhere', async () => {
    const environment = { LD_PRELOAD: odd, ODD_GETRUSAGE: String(constants.errno.EPERM) };
    const { words, output } = predicting();
    await succeeds(words, { ...installed, environment });
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
});
