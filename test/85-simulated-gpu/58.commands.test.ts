import assert from 'node:assert/strict';
import type { BenchmarkReport } from '../../lib/benchmark.js';
import type { DeviceList } from '../../lib/diagnostics.js';
import { alike, type SimulatedMachine } from '../simulated-gpu/machine.js';
import { SimulatedRuns } from '../simulated-gpu/simulated-runs.js';

const GIB = 2 ** 30;

describe('the other commands on simulated GPUs', () => {
  let runs: SimulatedRuns | undefined;
  before(async function () {
    runs = await SimulatedRuns.open(this);
  });
  after(() => runs?.remove());

  const mixed: SimulatedMachine = {
    gpus: [
      { capability: '9.0', memory: 80 },
      { capability: '7.5', memory: 16, free: 3 },
    ],
  };

  it('devices lists them with the precision that each computes natively', async () => {
    const { end, output, errors } = await runs!.command(mixed, ['devices', '--json']);
    assert.equal(end, 0, errors);
    const { cuda, devices } = JSON.parse(output) as DeviceList;
    assert.equal(cuda.state, 'loaded');
    const found = devices.map(({ id, capability, memoryTotal, memoryFree, bf16 }) => [
      ...[id, capability, memoryTotal, memoryFree, bf16],
    ]);
    assert.deepEqual(found.slice(1), [
      ['cuda:0', '9.0', 80 * GIB, 80 * GIB, true],
      ['cuda:1', '7.5', 16 * GIB, 3 * GIB, false],
    ]);
  });

  it('doctor computes a known answer on each, and finds nothing wrong', async () => {
    const { end, output, errors } = await runs!.command({ gpus: alike(2) }, ['doctor']);
    assert.equal(end, 0, output + errors);
    for (const device of ['cuda:0', 'cuda:1']) assert.match(output, new RegExp(`^ok .*${device}`, 'm'));
    assert.doesNotMatch(output, /^failed/m);
  });

  it('doctor says which one fails', async () => {
    const machine = { gpus: [{}, { fault: 'lost@5' as const }] };
    const { end, output, errors } = await runs!.command(machine, ['doctor']);
    assert.equal(end, 1, output + errors);
    assert.match(output, /^failed .*cuda:1/m);
    assert.match(output, /^ok .*cuda:0/m);
  });

  it('bench measures one, and its products alone', async () => {
    const args = ['bench', '--esm', '8M', '--device', 'cuda:1', '--limit', '8', '--repeats', '1', '--json'];
    const { end, output, errors } = await runs!.command({ gpus: alike(2) }, args);
    assert.equal(end, 0, errors);
    const report = JSON.parse(output) as BenchmarkReport;
    assert.deepEqual([report.device, report.precision, report.sequences], ['cuda:1', 'bf16', 8]);
    assert.ok(report.tokens_per_second > 0 && report.linear_seconds! > 0 && report.attention_seconds! > 0);
    assert.ok(report.peak_memory_bytes > report.weight_bytes);
  });
});
