import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { alike, type SimulatedMachine } from '../simulated-gpu/machine.js';
import { named, type LoggedEvent, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedRuns } from '../simulated-gpu/simulated-runs.js';

const PROGRAM = fileURLToPath(new URL('embedder-process.js', import.meta.url));
const RECORDS = 40;
const EXACT = ['--precision', 'fp32'];
/** Batches of about three records. */
const SMALL = ['--batch-tokens', '256'];

function proteins(count: number): string {
  const next = seededNumbers(count);
  const letter = (): string => 'ACDEFGHIKLMNPQRSTVWY'[(next() >>> 8) % 20]!;
  return Array.from({ length: count }, (_, index) => {
    const letters = Array.from({ length: 40 + ((index * 37) % 80) }, letter);
    return `>protein_${index}\n${letters.join('')}\n`;
  }).join('');
}

/** The largest difference between the numbers of two tables with the same rows. */
function tableDifference(one: string, other: string): number {
  const [cells, others] = [one, other].map((text) => text.trimEnd().split(/[\t\n]/));
  assert.equal(cells!.length, others!.length);
  const differences = cells!.map((cell, index) =>
    cell === others![index] ? 0 : Math.abs(Number(cell) - Number(others![index])),
  );
  return differences.reduce((most, difference) => (difference <= most ? most : difference), 0);
}

describe('virnucpro embed on simulated GPUs', () => {
  let runs: SimulatedRuns | undefined;
  let input: string;
  before(async function () {
    runs = await SimulatedRuns.open(this);
    input = join(runs.folder, 'proteins.faa');
    writeFileSync(input, proteins(RECORDS));
  });
  after(() => runs?.remove());

  async function embed(name: string, machine: SimulatedMachine, args: readonly string[] = []): Promise<Prediction> {
    const folder = join(runs!.folder, `${name}.tsv`);
    const all = ['embed', input, '-o', folder, '--model', 'golden', '--part', 'protein', '--log-format', 'json'];
    const ended = await runs!.command(machine, [...all, ...EXACT, ...SMALL, ...args]);
    const lines = ended.errors.split('\n').filter((line) => line.startsWith('{'));
    return { ...ended, folder, events: lines.map((line) => JSON.parse(line) as LoggedEvent) };
  }
  const table = ({ folder }: Prediction): string => readFileSync(folder, 'utf8');
  const devices = (run: Prediction): unknown[] => named(run, 'device').map(({ device }) => device);

  it('uses every GPU, or those of --gpus, and writes the same bytes from one, two and four', async () => {
    const one = await embed('one', { gpus: alike(4) }, ['--gpus', '2']);
    const two = await embed('two', { gpus: alike(2) });
    const four = await embed('four', { gpus: alike(4) });
    assert.deepEqual([one.end, two.end, four.end], [0, 0, 0], one.errors + two.errors + four.errors);
    assert.deepEqual(devices(one), ['cuda:2']);
    assert.deepEqual(devices(two), ['cuda:0', 'cuda:1']);
    assert.deepEqual(devices(four), ['cuda:0', 'cuda:1', 'cuda:2', 'cuda:3']);
    assert.ok(table(one) === table(two) && table(two) === table(four), 'the bytes differ');
  });

  it('refuses GPUs that the machine does not have', async () => {
    const run = await embed('missing', { gpus: alike(2) }, ['--gpus', '0,5']);
    assert.equal(run.end, 1);
    assert.match(run.errors, /cuda:5/);
  });

  for (const pool of ['mean', 'cls', 'max', 'tokens']) {
    it(`gives the ${pool} of the CPU for each layer, also of sequences that are read in windows`, async () => {
      const args = ['--pool', pool, '--layers', '0,2', '--max-length', '64'];
      const gpu = await embed(`${pool}-gpu`, { gpus: alike(2, { delay: 100 }) }, args);
      const cpu = await embed(`${pool}-cpu`, { gpus: alike(1) }, [...args, '--device', 'cpu']);
      assert.deepEqual([gpu.end, cpu.end], [0, 0], gpu.errors + cpu.errors);
      const difference = tableDifference(table(gpu), table(cpu));
      assert.ok(difference < 1e-5, `${difference}`);
    });
  }

  it('goes on without a GPU that is lost, and writes the same bytes', async () => {
    const whole = await embed('whole', { gpus: alike(1) });
    const run = await embed('lost', { gpus: [{}, { fault: 'lost@500' }] });
    assert.equal(run.end, 0, run.errors);
    assert.deepEqual(
      named(run, 'device-lost').map(({ device }) => device),
      ['cuda:1'],
    );
    assert.ok(table(run) === table(whole), 'the bytes differ');
  });

  it('goes on without a GPU that hangs, and leaves out one that is full', async () => {
    const whole = await embed('undisturbed', { gpus: alike(1) });
    const machine = { gpus: [{}, { fault: 'hangs@500' as const }, { free: 0.001 }] };
    const run = await embed('hangs', machine, ['--device-timeout', '5']);
    assert.equal(run.end, 0, run.errors);
    assert.deepEqual(
      named(run, 'device-left-out').map(({ device }) => device),
      ['cuda:2'],
    );
    assert.deepEqual(
      named(run, 'device-lost').map(({ device }) => device),
      ['cuda:1'],
    );
    assert.ok(table(run) === table(whole), 'the bytes differ');
  });

  it('goes on on other GPUs after the last was lost, and writes the same bytes', async () => {
    const whole = await embed('never-lost', { gpus: alike(1) });
    const lost = await embed('resumed', { gpus: alike(1, { fault: 'lost@700' }) });
    assert.equal(lost.end, 1, lost.errors);
    const resumed = await embed('resumed', { gpus: alike(2) }, ['--resume']);
    assert.equal(resumed.end, 0, resumed.errors);
    const [continued] = named(resumed, 'embeddings-resumed');
    assert.ok((continued!['sequences'] as number) > 0);
    assert.equal(continued!['isOfSameDevices'], false);
    assert.ok(table(resumed) === table(whole), 'the bytes differ');
  });

  it('splits batches whose states a GPU has no memory for, and gives the states of the CPU', async () => {
    const args = ['--pool', 'tokens', '--layers', '0,1,2', '--batch-tokens', '16384'];
    const full = await embed('little-memory', { gpus: alike(1, { memory: 10 / 1024 }) }, args);
    const cpu = await embed('much-memory', { gpus: alike(1) }, [...args, '--device', 'cpu']);
    assert.deepEqual([full.end, cpu.end], [0, 0], full.errors + cpu.errors);
    const splits = named(full, 'batch-split');
    assert.ok(splits.length > 0, full.errors);
    for (const { device, code } of splits) assert.deepEqual([device, code], ['cuda:0', 'VNP_MEMORY']);
    const difference = tableDifference(table(full), table(cpu));
    assert.ok(difference < 1e-5, `${difference}`);
  });

  it('is the same in the library, whose calls end at once when they are stopped', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, runs!.models], {
      env: runs!.gpus.environment({ gpus: alike(2, { delay: 100 }) }),
    });
    const { devices, differences, abortedAs, closedAs } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(devices, ['cuda:0', 'cuda:1']);
    assert.deepEqual([abortedAs, closedAs], ['AbortError', 'VNP_CLOSED']);
    for (const [call, difference] of Object.entries(differences as Record<string, number>)) {
      assert.ok(difference < 1e-5, `${call}: ${difference}`);
    }
  });
});
