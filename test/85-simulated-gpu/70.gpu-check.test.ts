import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../repository.js';
import { alike, type SimulatedMachine } from '../simulated-gpu/machine.js';
import { SimulatedGpus } from '../simulated-gpu/simulated-gpus.js';

const PROGRAM = join(repositoryRoot, 'scripts', 'gpu-check.mjs');

interface Step {
  readonly name: string;
  readonly status: string;
  readonly checks: readonly { readonly what: string; readonly met: boolean }[];
  readonly skipped: readonly string[];
}

describe('gpu-check on simulated GPUs', () => {
  let gpus: SimulatedGpus;
  let folder: string | undefined;
  before(function () {
    gpus = SimulatedGpus.build(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-gpu-check-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** Runs the check with tiny models: all of it, or only these steps. */
  async function check(machine: SimulatedMachine, only: readonly string[] = []) {
    const report = join(folder!, 'report.json');
    const args = [PROGRAM, '--quick', '--output', report, '--temporary', folder!, '--minutes', '30'];
    if (only.length > 0) args.push('--only', only.join(','));
    const env = gpus.environment(machine);
    const { code, output } = await new Promise<{ code: number; output: string }>((resolve) =>
      execFile(process.execPath, args, { env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
      ),
    );
    const { steps } = JSON.parse(readFileSync(report, 'utf8')) as { steps: Step[] };
    return { code, output, steps, statuses: Object.fromEntries(steps.map(({ name, status }) => [name, status])) };
  }

  it('meets every bar but those for speed, which a quick check does not ask for', async () => {
    const { code, output, steps } = await check({ gpus: alike(2) });
    assert.equal(code, 0, output);
    for (const { name, status } of steps) assert.equal(status, 'met', name);
    const unjudged = steps.filter(({ skipped }) => skipped.some((line) => line.includes('bar for the speed')));
    assert.deepEqual(
      unjudged.map(({ name }) => name),
      ['speed DNABERT-S', 'speed ESM-2 3B', 'idle share'],
    );
  });

  it('fails for wrong numbers', async () => {
    const machine: SimulatedMachine = { gpus: alike(1, { delay: 100 }), without: ['event-wait', 'event-query'] };
    const { code, statuses, output } = await check(machine, ['golden values']);
    assert.notEqual(code, 0, output);
    assert.match(statuses['golden values'] ?? 'missing', /^(not met|broken)$/);
  });

  it('fails for a GPU on which attention is not the packed kernel', async () => {
    const { code, statuses, output } = await check({ gpus: alike(1, { capability: '7.5' }) }, ['attention']);
    assert.deepEqual([code, statuses], [2, { attention: 'not met' }], output);
  });

  it('fails for a kernel of this project that computes something else', async () => {
    const { code, statuses, output } = await check({ gpus: alike(1), kernels: { wrong: 'add_norm' } }, ['kernels']);
    assert.deepEqual([code, statuses], [2, { kernels: 'not met' }], output);
  });

  it('fails where batches get more memory than they may take', async () => {
    const machine: SimulatedMachine = { gpus: alike(1), without: ['memory-share'] };
    const { code, output, steps } = await check(machine, ['out of memory']);
    assert.equal(code, 2, output);
    const unmet = steps.flatMap(({ checks }) => checks.filter(({ met }) => !met));
    assert.deepEqual(
      unmet.map(({ what }) => what),
      ['batches were split for want of memory'],
    );
  });

  it('fails at every step for a GPU that is lost', async () => {
    const only = ['doctor', 'golden values', 'acceptance', 'attention', 'out of memory', 'speed ESM-2 150M'];
    only.push('kernels', 'speed DNABERT-S', 'idle share', 'golden values by TorchScript');
    const { code, statuses, output } = await check({ gpus: alike(1, { fault: 'lost@5' }) }, only);
    assert.equal(code, 1, output);
    for (const name of only) assert.match(statuses[name] ?? 'missing', /^(not met|broken)$/, name);
  });
});
