import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alike, type SimulatedMachine } from '../simulated-gpu/machine.js';
import { named, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedRuns } from '../simulated-gpu/simulated-runs.js';
import { devicesOf, distance, embed, inputOf, largestDifference, tableOf, type Part } from './embedded-tables.js';

const RECORDS = 40;
const ON_CPU: SimulatedMachine = { gpus: alike(1) };

describe('virnucpro embed on simulated GPUs', () => {
  let runs: SimulatedRuns | undefined;
  before(async function () {
    runs = await SimulatedRuns.open(this);
  });
  after(() => runs?.remove());

  async function run(
    name: string,
    machine: SimulatedMachine,
    args: readonly string[] = [],
    part: Part = 'protein',
  ): Promise<Prediction> {
    const ended = await embed(runs!, name, machine, { input: inputOf(runs!, part, RECORDS), part, args });
    assert.equal(ended.end, 0, ended.errors);
    return ended;
  }

  it('uses every GPU, or those of --gpus, and writes the same bytes from one, two and four', async () => {
    const one = await run('one', { gpus: alike(4) }, ['--gpus', '2']);
    const two = await run('two', { gpus: alike(2) });
    const four = await run('four', { gpus: alike(4) });
    assert.deepEqual(devicesOf(one, 'device'), ['cuda:2']);
    assert.deepEqual(devicesOf(two, 'device'), ['cuda:0', 'cuda:1']);
    assert.deepEqual(devicesOf(four, 'device'), ['cuda:0', 'cuda:1', 'cuda:2', 'cuda:3']);
    assert.ok(tableOf(one) === tableOf(two) && tableOf(two) === tableOf(four), 'the bytes differ');
  });

  it('refuses GPUs that the machine does not have', async () => {
    const input = inputOf(runs!, 'protein', 1);
    const refused = await embed(runs!, 'missing', { gpus: alike(2) }, { input, args: ['--gpus', '0,5'] });
    assert.equal(refused.end, 1);
    assert.match(refused.errors, /cuda:5/);
  });

  for (const [part, pool] of [
    ['protein', 'mean'],
    ['protein', 'cls'],
    ['protein', 'max'],
    ['protein', 'tokens'],
    ['dna', 'mean'],
    ['dna', 'tokens'],
  ] as const) {
    it(`gives the ${pool} of ${part} of the CPU for each layer, also of sequences that are read in windows`, async () => {
      const args = ['--pool', pool, '--layers', '0,2', '--max-length', part === 'dna' ? '12' : '64'];
      const gpu = await run(`${part}-${pool}-gpu`, { gpus: alike(2, { delay: 100 }) }, args, part);
      const cpu = await run(`${part}-${pool}-cpu`, ON_CPU, [...args, '--device', 'cpu'], part);
      const difference = largestDifference(tableOf(gpu), tableOf(cpu));
      assert.ok(difference < 1e-5, `${difference}`);
    });
  }

  it('gives the states of a sequence that is longer than a batch and read at once', async () => {
    const input = join(runs!.folder, 'long.faa');
    writeFileSync(input, `>short\nMKV\n>long\n${'MKTAYIAKQRQISFVKSHFSRQ'.repeat(140)}\n>last\nMKVLA\n`);
    for (const pool of ['tokens', 'mean']) {
      const args = ['--pool', pool, '--layers', '0,1,2,3', '--max-length', '4000'];
      const gpu = await embed(runs!, `long-${pool}`, { gpus: alike(2, { delay: 100 }) }, { input, args });
      const cpu = await embed(runs!, `long-${pool}-cpu`, ON_CPU, { input, args: [...args, '--device', 'cpu'] });
      assert.deepEqual([gpu.end, cpu.end], [0, 0], gpu.errors + cpu.errors);
      const difference = largestDifference(tableOf(gpu), tableOf(cpu));
      assert.ok(difference < 1e-5, `${pool}: ${difference}`);
    }
  });

  for (const part of ['protein', 'dna'] as const) {
    it(`is as close to FP32 in BF16 as the CPU is, for ${part}`, async () => {
      const bf16 = ['--precision', 'bf16'];
      const gpu = await run(`${part}-bf16`, { gpus: alike(2, { capability: '8.0' }) }, bf16, part);
      const cpu = await run(`${part}-bf16-cpu`, ON_CPU, [...bf16, '--device', 'cpu'], part);
      const exact = await run(`${part}-exact`, ON_CPU, ['--device', 'cpu'], part);
      assert.deepEqual(
        named(gpu, 'device').map(({ precision }) => precision),
        ['bf16', 'bf16'],
      );
      const [ours, theirs] = [gpu, cpu].map((rounded) => distance(tableOf(rounded), tableOf(exact)));
      assert.ok(ours! > 0, 'bf16 must not be float32 under another name');
      // Both round equally often, in different orders: over 2560 values the distances vary by some hundredths.
      assert.ok(ours! <= 1.25 * theirs!, `${ours} away from float32, the CPU ${theirs}`);
    });
  }

  it('computes in FP32 where one GPU has no BF16, and in BF16 without that one', async () => {
    const machine = { gpus: ['9.0', '7.5', '8.6'].map((capability) => ({ capability, delay: 100 })) };
    const precisions = (ended: Prediction): unknown[] => named(ended, 'device').map(({ precision }) => precision);
    const mixed = await run('mixed', machine, ['--precision', 'auto']);
    assert.deepEqual(precisions(mixed), ['fp32', 'fp32', 'fp32']);
    assert.match(String(named(mixed, 'precision')[0]?.['msg']), /because cuda:1 .* has no BF16\. --gpus 0,2/);
    const exact = await run('mixed-exact', { gpus: alike(1) });
    const difference = largestDifference(tableOf(mixed), tableOf(exact));
    assert.ok(difference < 1e-5, `${difference}`);
    const faster = await run('faster', machine, ['--precision', 'auto', '--gpus', '0,2']);
    assert.deepEqual([precisions(faster), named(faster, 'precision')], [['bf16', 'bf16'], []]);
  });

  it('splits batches whose states a GPU has no memory for, and gives the states of the CPU', async () => {
    const args = ['--pool', 'tokens', '--layers', '0,1,2', '--batch-tokens', '16384'];
    const full = await run('little-memory', { gpus: alike(1, { memory: 10 / 1024 }) }, args);
    const cpu = await run('much-memory', ON_CPU, [...args, '--device', 'cpu']);
    const splits = named(full, 'batch-split');
    assert.ok(splits.length > 0, full.errors);
    for (const { device, code } of splits) assert.deepEqual([device, code], ['cuda:0', 'VNP_MEMORY']);
    const difference = largestDifference(tableOf(full), tableOf(cpu));
    assert.ok(difference < 1e-5, `${difference}`);
  });
});
