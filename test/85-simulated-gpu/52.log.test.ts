import assert from 'node:assert/strict';
import { alike } from '../simulated-gpu/machine.js';
import { named, type Prediction } from '../simulated-gpu/predict.js';
import { SimulatedRuns, SMALL_BATCHES } from '../simulated-gpu/simulated-runs.js';

const RECORDS = 24;
const GIB = 2 ** 30;

const devicesOf = (run: Prediction): unknown[] => named(run, 'device').map(({ device }) => device);

/** The position in the log of the first event of this kind. */
const first = ({ events }: Prediction, kind: string): number => events.findIndex(({ event }) => event === kind);

describe('the log of virnucpro predict on simulated GPUs', () => {
  let runs: SimulatedRuns | undefined;
  let input: string;
  before(async function () {
    runs = await SimulatedRuns.open(this);
    input = runs.input(RECORDS);
  });
  after(() => runs?.remove());

  describe('of three, asked for nothing', () => {
    let run: Prediction;
    before(async () => {
      const machine = { gpus: alike(3, { memory: 24, delay: 100 }) };
      const often = ['--progress-interval', '0.05', '--memory-warning', '0.00001'];
      run = await runs!.predict('all', machine, input, [...SMALL_BATCHES, ...often]);
      assert.equal(run.end, 0, run.errors);
    });

    it('names each before the work, with its capability, precision and tokens a batch', () => {
      assert.deepEqual(devicesOf(run), ['cuda:0', 'cuda:1', 'cuda:2']);
      assert.deepEqual(named(run, 'loading')[0]!['workers'], ['cuda:0', 'cuda:1', 'cuda:2']);
      for (const kind of ['progress', 'memory', 'device-summary']) {
        assert.ok(first(run, 'device') < first(run, kind), kind);
      }
      for (const { capability, precision, memoryTotal, msg } of named(run, 'device')) {
        assert.deepEqual([capability, precision, memoryTotal], ['9.0', 'bf16', 24 * GIB]);
        assert.match(String(msg), /capability 9\.0, .* BF16 enabled, .* ESM-2 and .* tokens a batch/);
      }
    });

    it('tells the progress of each at the interval, and what was done at the end', () => {
      const progress = named(run, 'progress');
      assert.ok(progress.length > 1);
      const devices = progress.at(-1)!['devices'] as { device: string; utilisation: number | null }[];
      assert.deepEqual(
        devices.map(({ device }) => device),
        ['cuda:0', 'cuda:1', 'cuda:2'],
      );
      // NVML reports how busy the device was.
      assert.ok(devices.some(({ utilisation }) => utilisation !== null && utilisation > 0));
      const summaries = named(run, 'device-summary');
      const frames = summaries.reduce((sum, summary) => sum + (summary['frames'] as number), 0);
      assert.equal(frames, 6 * RECORDS);
      for (const { tokens, busySeconds } of summaries) {
        assert.ok((tokens as number) > 0 && (busySeconds as number) > 0);
      }
    });

    it('tells the memory of each, and warns where it is nearly used up', () => {
      for (const device of ['cuda:0', 'cuda:1', 'cuda:2']) {
        const memory = named(run, 'memory').findLast((event) => event['device'] === device)!;
        const [allocated, reserved, peak, free, total] = ['allocated', 'reserved', 'peak', 'free', 'total'].map(
          (name) => memory[name] as number,
        );
        assert.ok(allocated! > 0 && reserved! >= allocated! && peak! >= allocated!, JSON.stringify(memory));
        assert.equal(total, 24 * GIB);
        assert.ok(free! < 24 * GIB && free! > 23 * GIB);
        const pressure = named(run, 'memory-pressure').filter((event) => event['device'] === device);
        assert.equal(pressure.length, 1, device);
        assert.match(String(pressure[0]!['msg']), /--(esm-batch-size|max-memory)/);
      }
    });
  });

  it('names only those that were asked for', async () => {
    const run = await runs!.predict('two', { gpus: alike(3) }, input, [...SMALL_BATCHES, '--gpus', '0,2']);
    assert.equal(run.end, 0, run.errors);
    assert.deepEqual(devicesOf(run), ['cuda:0', 'cuda:2']);
    const summaries = named(run, 'device-summary').map(({ device, frames }) => [device, (frames as number) > 0]);
    assert.deepEqual(summaries, [
      ['cuda:0', true],
      ['cuda:2', true],
    ]);
    const places = named(run, 'device').map(({ pciAddress }) => pciAddress);
    assert.deepEqual(places, ['00000000:1B:00.0', '00000000:5B:00.0']);
  });

  it('counts within CUDA_VISIBLE_DEVICES', async () => {
    const environment = { CUDA_VISIBLE_DEVICES: '2,1' };
    const run = await runs!.predict('visible', { gpus: alike(3) }, input, ['--gpus', '0'], { environment });
    assert.equal(run.end, 0, run.errors);
    const [device] = named(run, 'device');
    assert.deepEqual([device!['device'], device!['pciAddress']], ['cuda:0', '00000000:5B:00.0']);
  });

  it('says that the CPU is used where every GPU is hidden', async () => {
    const environment = { CUDA_VISIBLE_DEVICES: '' };
    const run = await runs!.predict('hidden', { gpus: alike(2) }, input, [], { environment });
    assert.equal(run.end, 0, run.errors);
    assert.deepEqual(devicesOf(run), ['cpu']);
  });

  it('takes batches as they are asked for; a longer sequence runs alone', async () => {
    const sizes = ['--esm-batch-size', '64', '--dnabert-batch-size', '64'];
    const run = await runs!.predict('small', { gpus: alike(1) }, runs!.input(4), sizes);
    assert.equal(run.end, 0, run.errors);
    assert.deepEqual(named(run, 'device')[0]!['batchTokens'], { protein: 64, dna: 64 });
    const [summary] = named(run, 'device-summary');
    assert.deepEqual([summary!['batches'], summary!['frames']], [24, 24]);
  });

  it('is plain text off a terminal, or nothing of progress with --no-progress', async () => {
    const args = (name: string, more: readonly string[]): string[] => [
      ...['predict', input, '-o', `${runs!.folder}/${name}`, ...SMALL_BATCHES, ...more],
    ];
    const machine = { gpus: alike(2, { delay: 100 }) };
    const plain = await runs!.command(machine, args('plain', ['--progress-interval', '0.05']));
    assert.equal(plain.end, 0, plain.errors);
    // eslint-disable-next-line no-control-regex -- that is what must not be there
    assert.doesNotMatch(plain.errors + plain.output, /[\x1b\r]/);
    assert.match(plain.errors, /INFO: cuda:0: Fake GPU 0 .*\n.*INFO: cuda:1: Fake GPU 1 /);
    assert.match(plain.errors, /INFO: \d+(\.\d+)? %.* cuda:0 .*cuda:1 /);
    const silent = await runs!.predict('silent', machine, input, [
      ...[...SMALL_BATCHES, '--no-progress', '--progress-interval', '0.05'],
    ]);
    assert.equal(named(silent, 'progress').length, 0);
  });
});
