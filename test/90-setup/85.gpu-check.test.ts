import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { TemporaryCheckout } from './temporary-checkout.js';

type Status = 'met' | 'not met' | 'broken' | 'late' | 'skipped';

interface Check {
  what: string;
  found: string;
  met: boolean;
}

interface StepResult {
  name: string;
  status: Status;
  reason?: string;
  checks: Check[];
  skipped: string[];
  figures: Record<string, unknown>;
}

interface Report {
  device: string;
  exitCode: number;
  machine: { libtorch: string; devices: { id: string }[] };
  steps: StepResult[];
}

interface Step {
  name: string;
  seconds: number;
  needsCuda?: boolean;
  run: (context: unknown, seconds: number) => Promise<{ checks: Check[]; skipped?: string[] }>;
}

/** Imports a script that needs no compiled library. */
async function script<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(repositoryRoot, 'scripts', 'gpu-check', name)).href)) as T;
}

describe('the check of a GPU', () => {
  const { path: addon, libtorch, addon: native } = loadAddon();
  const hasGpu = native.devices().some(({ id }) => id !== 'cpu');
  let checkout: TemporaryCheckout;
  let temporary: string;

  /** The scripts with the compiled library that these tests belong to. */
  before(() => {
    checkout = new TemporaryCheckout();
    checkout.useCompiledLibrary();
    cpSync(join(repositoryRoot, 'bin'), checkout.path('bin'), { recursive: true });
    for (const folder of ['bench', 'examples', 'test'])
      symlinkSync(join(repositoryRoot, folder), checkout.path(folder));
    temporary = checkout.path('temporary');
    mkdirSync(temporary);
  });
  after(() => checkout.remove());

  function check(words: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const env = { LIBTORCH: libtorch.root, VIRNUCPRO_ADDON: join(addon, '..'), ...environment };
    return checkout.start(['scripts/gpu-check.mjs', '--temporary', temporary, ...words], env).finished;
  }

  function report(): Report {
    return JSON.parse(readFileSync(checkout.path('report.json'), 'utf8')) as Report;
  }

  it('computes, keeps its promises, splits batches and measures, on the CPU with tiny models', async () => {
    const names = ['golden values', 'acceptance', 'attention', 'out of memory', 'speed ESM-2 150M', 'idle share'];
    const words = ['--device', 'cpu', '--quick', '--output', 'report.json', '--only', names.join(',')];
    const { code, output, errors } = await check(words);
    assert.equal(code, 0, output + errors);
    const { device, exitCode, machine, steps } = report();
    assert.deepEqual([device, exitCode, machine.libtorch], ['cpu', 0, libtorch.version]);
    assert.deepEqual(
      steps.map(({ name, status }) => [name, status]),
      names.map((name) => [name, name === 'attention' ? 'skipped' : 'met']),
    );
    const [golden, acceptance, attention, memory] = steps as [StepResult, StepResult, StepResult, StepResult];
    assert.deepEqual(
      golden.checks.map(({ what }) => what.split(',')[0]),
      ['packed engine in fp32', 'packed engine in bf16'],
    );
    for (const row of ['2', '3', '4', '5', '6', '7', '8', '9', '10']) {
      assert.ok(
        acceptance.checks.some(({ what }) => what.startsWith(`${row}: `)),
        `row ${row} in ${output}`,
      );
    }
    assert.deepEqual(attention.skipped, ['flash attention: skipped: no CUDA device']);
    assert.ok((memory.figures['splits'] as number) > 0);
    assert.match(output, /^golden values +met +packed engine in fp32, absolute errors: protein /m);
    assert.deepEqual(readdirSync(temporary), []);
  });

  it('does not pass for a check where there is no GPU', async function () {
    if (hasGpu) return skip(this, 'there is a GPU here');
    const { code, output, errors } = await check([]);
    assert.deepEqual([code, output], [1, '']);
    assert.match(errors, /^skipped: no CUDA device\..*\n$/);
  });

  it('says why the devices cannot be listed', async () => {
    const { code, errors } = await check(['--device', 'cpu', '--quick'], { LIBTORCH: '/nowhere' });
    assert.equal(code, 1);
    assert.match(errors, /^The devices cannot be listed: virnucpro: No libtorch /);
  });

  it('says before anything else when the results could not be written', async () => {
    const { code, output, errors } = await check(['--device', 'cpu', '--quick', '--output', '/nowhere/report.json']);
    assert.deepEqual([code, output], [1, '']);
    assert.match(errors, /^The results cannot be written: ENOENT.*\n$/);
  });

  it('refuses a device that does not exist, and words that it does not know', async () => {
    const wrongDevice = await check(['--device', 'cuda:99']);
    assert.equal(wrongDevice.code, 1);
    assert.match(wrongDevice.errors, /^Expected one of cpu.* but received cuda:99\n$/);
    for (const words of [['--device', 'tpu'], ['--minutes', '0'], ['--only', 'nothing'], ['more']]) {
      const { code, errors } = await check(words);
      assert.equal(code, 1);
      assert.match(errors, /^Expected --device cpu or cuda:N, .*golden values.*\n$/);
    }
  });

  it('skips the steps that its time is over for, and counts them as not met', async () => {
    const words = ['--device', 'cpu', '--quick', '--output', 'report.json', '--minutes', '0.001'];
    const { code, output } = await check(words);
    assert.equal(code, 2, output);
    // The kernels are for CUDA, so they are skipped however much time there is.
    for (const { name, status } of report().steps) assert.equal(status, name === 'kernels' ? 'skipped' : 'late', name);
    assert.match(output, /^doctor +late +skipped: the time of the whole check is over$/m);
  });

  it('goes on after a step that broke, and leaves out what needs CUDA on a CPU', async () => {
    type Run = (
      steps: Step[],
      context: unknown,
      deadline: number,
      onResult: (result: StepResult) => void,
    ) => Promise<void>;
    const { runSteps } = await script<{ runSteps: Run }>('steps.mjs');
    const limits: number[] = [];
    const outcome = (met: boolean) => ({ checks: [{ what: 'a bar', found: '1', met }] });
    const steps: Step[] = [
      { name: 'breaks', seconds: 30, run: () => Promise.reject(new Error('a reason')) },
      { name: 'cuda', seconds: 30, needsCuda: true, run: () => Promise.reject(new Error('never run')) },
      { name: 'low', seconds: 30, run: (_, seconds) => (limits.push(seconds), Promise.resolve(outcome(false))) },
      { name: 'long', seconds: 9000, run: (_, seconds) => (limits.push(seconds), Promise.resolve(outcome(true))) },
    ];
    const results: StepResult[] = [];
    const deadline = performance.now() / 1000 + 1000;
    await runSteps(steps, { device: 'cpu' }, deadline, (result) => results.push(result));
    assert.deepEqual(
      results.map(({ status, reason }) => [status, reason]),
      [
        ['broken', 'a reason'],
        ['skipped', 'skipped: no CUDA device'],
        ['not met', undefined],
        ['met', undefined],
      ],
    );
    assert.equal(limits[0], 30);
    assert.ok(limits[1]! > 900 && limits[1]! <= 1000);
  });

  it('ends with 0 when all is met, 2 when something is not, 1 when something is broken', async () => {
    const { exitCodeOf } = await script<{ exitCodeOf: (results: { status: Status }[]) => number }>('report.mjs');
    const codeOf = (...statuses: Status[]): number => exitCodeOf(statuses.map((status) => ({ status })));
    assert.equal(codeOf('met', 'skipped', 'met'), 0);
    assert.equal(codeOf('met', 'not met'), 2);
    assert.equal(codeOf('late', 'met'), 2);
    assert.equal(codeOf('not met', 'broken', 'late'), 1);
  });
});
