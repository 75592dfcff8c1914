import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture, repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress'];
const CALLED = ['contigs.tsv', 'windows.tsv', 'virus.fna'];

describe('virnucpro call', () => {
  let installed: InstalledModel;
  let folder: string;
  const path = (...names: string[]): string => join(folder, ...names);
  const content = (...names: string[]): string => readFileSync(path(...names), 'utf8');
  const runJson = (name: string): Record<string, unknown> =>
    JSON.parse(content(name, 'run.json')) as Record<string, unknown>;

  const predict = (name: string, ...args: string[]) =>
    succeeds(['predict', INPUT, '-o', path(name), ...EXACT, ...args], { models: installed.models });
  /** Must need no model, so none is there. */
  const call = (...args: string[]) => succeeds(['call', ...args], { models: path('no models') });
  /** Results to work on: a copy of one run at the default threshold. */
  const results = (name: string): string => {
    cpSync(path('earlier'), path(name), { recursive: true });
    return path(name);
  };

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-call-'));
    await predict('earlier');
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  for (const rule of [
    ['--threshold', '0.9', '--min-fraction', '0.3'],
    ['--threshold', '0'],
    ['--min-fraction', '1'],
    [],
  ]) {
    it(`writes the bytes that predict ${rule.join(' ')} writes`, async () => {
      const name = `called${rule.join('')}`;
      await predict(`wanted${name}`, ...rule);
      const directory = results(name);
      await call(directory, '--threshold', '0.2', '--min-fraction', '0.1');
      await call(directory, ...rule);
      for (const file of [...CALLED, 'prediction_results.txt', 'prediction_results_highestscore.csv']) {
        assert.equal(content(name, file), content(`wanted${name}`, file), file);
      }
      const [run, wanted] = [runJson(name), runJson(`wanted${name}`)];
      for (const field of ['counts', 'parameters', 'files', 'outcome', 'model', 'workingDirectory']) {
        assert.deepEqual(run[field], wanted[field], field);
      }
      assert.equal((run['rescored'] as unknown[]).length, 2);
      assert.deepEqual(readdirSync(directory).sort(), readdirSync(path('earlier')).sort());
    });
  }

  it('leaves the results of another user alone, where it could only begin to replace them', async function () {
    if (process.getuid?.() !== 0) skip(this, 'only the superuser can be two users');
    const directory = results('sticky');
    chmodSync(folder, 0o755);
    chmodSync(directory, 0o1777);
    const program = join(repositoryRoot, 'bin', 'virnucpro.js');
    const asOther = ['--reuid=1', '--regid=1', '--clear-groups', process.execPath];
    if (spawnSync('setpriv', [...asOther, '--check', program]).status !== 0)
      skip(this, 'other users may not read this repository');
    const ended = spawnSync('setpriv', [...asOther, program, 'call', directory], { encoding: 'utf8' });
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /^virnucpro: [^\n]* cannot be replaced: .* another user .* sticky bit[^\n]*\n$/);
    assert.deepEqual(readdirSync(directory).sort(), readdirSync(path('earlier')).sort());
    await call(directory);
  });

  it('says what came of it as predict does, and in JSON', async () => {
    const directory = results('told');
    const { output, errors } = await call(directory, '--threshold', '0.9');
    assert.equal(output, '');
    assert.match(
      errors,
      /INFO: 9 records: \d virus, \d other, \d without a verdict; 26 windows,.*results in .*told\n$/,
    );
    const { errors: line } = await call(directory, '--log-format', 'json');
    const { event, counts, output: where } = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual([event, where], ['finished', directory]);
    assert.deepEqual(counts, runJson('told')['counts']);
    assert.equal((await call(directory, '--log-level', 'error')).errors, '');
  });

  it('writes elsewhere with --output', async () => {
    const directory = results('kept');
    const before = content('kept', 'run.json');
    await call(directory, '--threshold', '0.9', '--output', path('elsewhere'));
    assert.deepEqual(readdirSync(path('elsewhere')).sort(), [...CALLED, 'run.json'].sort());
    assert.equal(content('kept', 'run.json'), before);
  });

  for (const [outcome, code, args] of [
    ['partial', 2, /finished|records/],
    ['stopped', 1, /WARN: .*correct but incomplete/],
  ] as const) {
    it(`ends with ${code} when the run was ${outcome}`, async () => {
      const directory = results(outcome);
      writeFileSync(path(outcome, 'run.json'), JSON.stringify({ ...runJson(outcome), outcome }));
      const { end, errors } = await virnucpro(['call', directory, '--threshold', '0.9']);
      assert.equal(end, code, errors);
      assert.match(errors, args);
      assert.equal(runJson(outcome)['outcome'], outcome);
    });
  }

  describe('of a run from standard input', () => {
    before(async () => {
      const args = ['predict', '-', '-o', path('stdin'), '--threshold', '1', ...EXACT];
      await succeeds(args, { models: installed.models, input: readFileSync(INPUT) });
    });

    it('wants the input once a record is virus that was none', async () => {
      const before = content('stdin', 'run.json');
      await failsWith(/the run read standard input, which cannot be read again\. Give the run's inputs, .* --input/, [
        'call',
        path('stdin'),
      ]);
      assert.equal(content('stdin', 'run.json'), before);
      assert.deepEqual(
        readdirSync(path('stdin')).filter((name) => name.startsWith('.')),
        [],
      );
    });

    it('stops at Ctrl-C while it waits for its input, and changes nothing', async () => {
      const before = content('stdin', 'run.json');
      const program = join(repositoryRoot, 'bin', 'virnucpro.js');
      const child = spawn(process.execPath, [program, 'call', path('stdin'), '--input', '-']);
      let errors = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
      // Once its folder is there, it handles signals.
      const isAtWork = (): boolean => readdirSync(path('stdin')).some((name) => name.startsWith('.unfinished'));
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      while (!isAtWork() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGINT');
      assert.equal(await ended, 130, errors);
      assert.match(errors, /WARN: stopped by SIGINT: no results were written\n$/);
      assert.equal(content('stdin', 'run.json'), before);
      assert.ok(!isAtWork());
    });

    it('takes it from --input, and from standard input again', async () => {
      cpSync(path('stdin'), path('stdin again'), { recursive: true });
      await call(path('stdin'), '--input', INPUT);
      await succeeds(['call', path('stdin again'), '--input', '-'], { input: readFileSync(INPUT) });
      assert.equal(content('stdin', 'virus.fna'), content('earlier', 'virus.fna'));
      assert.equal(content('stdin again', 'virus.fna'), content('earlier', 'virus.fna'));
    });
  });

  it('refuses in one line what are no results, and other inputs', async () => {
    await failsWith(/nothing cannot be read: ENOENT/, ['call', path('nothing')]);
    await failsWith(/it has no run\.json\. Name a directory that predict has written/, ['call', folder]);
    const directory = results('strict');
    await call(directory, '--threshold', '1');
    await failsWith(/1 inputs? as in the run .* received 2/, ['call', directory, '--input', INPUT, INPUT]);
    const other = path('other.fa');
    writeFileSync(other, readFileSync(INPUT, 'utf8').replace(/[ACGT]\n/, 'N\n'));
    await failsWith(/Input .*other\.fa is not what input .*input\.fa was in the run: it has SHA-256 /, [
      'call',
      directory,
      '--input',
      other,
    ]);
  });

  for (const args of [
    ['--threshold', '1.1'],
    ['--threshold', 'much'],
    ['--min-fraction', '-1'],
    ['--device', 'cpu'],
  ]) {
    it(`refuses ${args.join(' ')}`, () =>
      failsWith(/Expected a number from 0 to 1|unknown option/, ['call', path('earlier'), ...args]));
  }

  it('tells a refusal as JSON when the log is', async () => {
    const { end, errors } = await virnucpro(['call', path('nothing'), '--log-format', 'json']);
    const { event, code } = JSON.parse(errors) as Record<string, string>;
    assert.deepEqual([end, event, code], [1, 'failed', 'VNP_OUTPUT']);
  });
});
