import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { alike, type SimulatedGpu, type SimulatedMachine } from '../simulated-gpu/machine.js';
import { named, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedRuns } from '../simulated-gpu/simulated-runs.js';
import { devicesOf, embed, inputOf, tableOf } from './embedded-tables.js';

/** About 30 batches of about 75 kernels. */
const RECORDS = 80;
/** Opening a GPU takes about 55 kernels: it fails in one of its first batches. */
const EARLY = 250;
/** Kernels after which the only GPU has computed some batches and lacks most. */
const MIDWAY = 1000;
/** So slow that the others take most batches, however busy the machine is. */
const SLOW: SimulatedGpu = { delay: 2000 };

describe('virnucpro embed, when simulated GPUs fail or the run is stopped', () => {
  let runs: SimulatedRuns | undefined;
  let input: string;
  let whole: string;
  before(async function () {
    runs = await SimulatedRuns.open(this);
    input = inputOf(runs, 'protein', RECORDS);
    const undisturbed = await run('whole', { gpus: alike(1) });
    assert.equal(undisturbed.end, 0, undisturbed.errors);
    whole = tableOf(undisturbed);
  });
  after(() => runs?.remove());

  const run = (name: string, machine: SimulatedMachine, args: readonly string[] = []): Promise<Prediction> =>
    embed(runs!, name, machine, { input, args });

  /** The output is not there, but a journal is: on these GPUs the run resumes to the same bytes. */
  async function assertResumable({ folder }: Prediction, name: string, gpus: readonly SimulatedGpu[]): Promise<void> {
    assert.equal(existsSync(folder), false);
    assert.deepEqual(readdirSync(`${folder}.unfinished`), ['journal']);
    assert.ok(statSync(join(`${folder}.unfinished`, 'journal')).size > 1000);
    const resumed = await run(name, { gpus }, ['--resume']);
    assert.equal(resumed.end, 0, resumed.errors);
    const [continued] = named(resumed, 'embeddings-resumed');
    const sequences = continued!['sequences'] as number;
    assert.ok(sequences > 0 && sequences < RECORDS, `${sequences} sequences`);
    assert.equal(continued!['isOfSameDevices'], false);
    assert.ok(tableOf(resumed) === whole, 'the bytes differ');
  }

  it('goes on without a GPU that is lost, and writes the same bytes', async () => {
    const lost = await run('lost', { gpus: [SLOW, { fault: `lost@${EARLY}` }] });
    assert.equal(lost.end, 0, lost.errors);
    assert.deepEqual(devicesOf(lost, 'device-lost'), ['cuda:1']);
    assert.ok(tableOf(lost) === whole, 'the bytes differ');
  });

  it('goes on without a GPU that hangs, and leaves out one that is full', async () => {
    const machine: SimulatedMachine = { gpus: [SLOW, { fault: `hangs@${EARLY}` }, { free: 0.001 }] };
    const hung = await run('hangs', machine, ['--device-timeout', '5']);
    assert.equal(hung.end, 0, hung.errors);
    assert.deepEqual(devicesOf(hung, 'device-left-out'), ['cuda:2']);
    assert.deepEqual(devicesOf(hung, 'device-lost'), ['cuda:1']);
    assert.ok(tableOf(hung) === whole, 'the bytes differ');
  });

  it('goes on on other GPUs after the last was lost, and writes the same bytes', async () => {
    const lost = await run('all-lost', { gpus: alike(1, { fault: `lost@${MIDWAY}` }) });
    assert.equal(lost.end, 1, lost.errors);
    assert.match(lost.errors, /No device is left/);
    await assertResumable(lost, 'all-lost', alike(2));
  });

  it('ends when the only GPU hangs, and keeps what it computed', async () => {
    const machine = { gpus: alike(1, { fault: `hangs@${MIDWAY}` }) };
    const hung = await run('all-hang', machine, ['--device-timeout', '5']);
    assert.equal(hung.end, 1, hung.errors);
    assert.match(String(named(hung, 'device-lost')[0]?.['reason']), /stopped responding/);
    await assertResumable(hung, 'all-hang', alike(3));
  });

  it('stops at SIGINT, and resumes on another number of GPUs to the same bytes', async () => {
    let isSent = false;
    const stopped = await embed(
      runs!,
      'stopped',
      { gpus: alike(2, SLOW) },
      { input, args: ['--progress-interval', '0.1'] },
      {
        watch: (errors, child) => {
          if (isSent || !/"event":"embedding-progress".*"records":[1-9]/.test(errors)) return;
          isSent = true;
          child.kill('SIGINT');
        },
      },
    );
    assert.equal(stopped.end, 130, stopped.errors);
    assert.equal(named(stopped, 'stopping').length, 1);
    await assertResumable(stopped, 'stopped', alike(3));
  });
});
