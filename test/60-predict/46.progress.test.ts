import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { NativeSensors } from '../../lib/engine/addon.js';
import { readWorkers } from '../../lib/engine/pool/worker-memory.js';
import { flattened } from '../../lib/input/flattened.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { Pipeline } from '../../lib/predict/pipeline.js';
import { RunControl } from '../../lib/predict/run-control.js';
import { RunMonitor } from '../../lib/predict/run-monitor.js';
import type { RunStatus } from '../../lib/predict/run-status.js';
import { MutableRunSummary } from '../../lib/predict/summary.js';
import { proteinTable, RunTokenizer } from '../30-batches/letter-tokens.js';
import { FakeDevices } from './fake-devices.js';
import type { Plan } from './fake-devices.js';
import { recordOf } from './records.js';

const LETTERS = 400;
const SENSORS: NativeSensors = { memoryTotal: null, memoryFree: null, utilisation: null, temperature: null };

/** Letters with ORFs, or without any. */
function lettersFrom(seed: number): string {
  const next = seededNumbers(seed);
  if (seed % 5 === 0) return 'N'.repeat(LETTERS);
  return Array.from({ length: LETTERS }, () => 'ACG'[(next() >>> 8) % 3]).join('');
}

interface Watched {
  /** One for each turn of the event loop. */
  readonly statuses: readonly RunStatus[];
  readonly devices: FakeDevices;
}

/** Runs records on fake devices, and reads the run's status at every turn. */
async function watch(plan: Plan, seeds: readonly number[], isSizeKnown = true): Promise<Watched> {
  const devices = new FakeDevices(plan);
  const pool = await devices.openPool();
  for (const { native } of pool.workers) {
    native.memory = () => ({ allocated: 0, reserved: 0, peakAllocated: 0, peakReserved: 0 });
  }
  const share = pool.share();
  const summary = new MutableRunSummary(share.usage);
  const control = new RunControl();
  const nothing = (): void => undefined;
  const monitor = new RunMonitor({
    readings: { read: () => readWorkers({ sensors: async (ids) => ids.map(() => SENSORS) }, pool.workers) },
    ...{ shares: [share], summary, control, onEvent: nothing },
    ...{ progressInterval: 0, memoryWarning: 1 },
  });
  const records = seeds.map((seed, index) => recordOf(`record ${index}`, lettersFrom(seed), index));
  if (isSizeKnown) monitor.bytesTotal = seeds.length * (LETTERS + 'record 0'.length + 2);
  const options = {
    ...{ chunkSize: 100, rule: { threshold: 0.5, minFraction: 0.5 }, sequences: false, model: 'fake' },
    batches: { dnaTokens: 500, proteinTokens: 500, dnaTokenizer: new RunTokenizer(), proteinTable },
  };
  async function* read(): AsyncGenerator<SequenceRecord> {
    yield* records;
  }
  monitor.begin();
  const statuses: RunStatus[] = [];
  const end = new AbortController();
  const looking = (async () => {
    while (!end.signal.aborted) {
      statuses.push(monitor.status());
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const results = flattened(new Pipeline(read(), share, options, { summary, control, onFailure: nothing }).groups());
  try {
    while (!(await results.next()).done) continue;
  } catch {
    // The last device was lost, or nothing works: this test is about how far the run was.
  }
  end.abort();
  await looking;
  await monitor.end();
  statuses.push(monitor.status());
  return { statuses, devices };
}

/** The fraction of the run that all workers have done. */
function fractionsOf({ workers }: RunStatus): number {
  return workers.reduce((sum, { fraction }) => sum + fraction!, 0);
}

const SOUND = [1, 2, 3, 4];

describe('how far a run is', () => {
  it('moves with every layer of the first batch, and so do the time left and the rates', async () => {
    const { statuses } = await watch({ devices: 1, turns: [40] }, SOUND);
    const first = statuses.filter(({ workers: [worker] }) => worker!.batches === 0 && worker!.running);
    const steps = first.map(({ workers: [worker], fraction, framesUnderway }) => ({
      layers: worker!.running!.layersDone,
      ...{ fraction: fraction!, ofWorker: worker!.fraction!, framesUnderway },
    }));
    const layers = [...new Set(steps.map((step) => step.layers))];
    assert.deepEqual(
      layers,
      Array.from({ length: 40 }, (_, layer) => layer),
    );
    for (const [index, step] of steps.entries()) {
      const before = steps[index - 1];
      if (!before || before.layers === step.layers) continue;
      assert.ok(step.fraction > before.fraction && step.ofWorker > before.ofWorker, JSON.stringify([before, step]));
      assert.ok(step.framesUnderway > before.framesUnderway);
    }
    const early = first.find(({ workers: [worker] }) => worker!.running!.layersDone === 1)!;
    assert.ok(early.secondsLeft! > 0 && early.lettersComputed > 0 && early.frames === 0);
  });

  it('comes to all of it, of which every device has its part', async () => {
    const { statuses } = await watch({ devices: 3, turns: [3, 5, 1] }, [...SOUND, 5, 6, 7, 8]);
    for (const status of statuses) assert.ok(fractionsOf(status) <= status.fraction! + 1e-9);
    const last = statuses.at(-1)!;
    assert.deepEqual([last.fraction, last.framesUnderway, last.lettersComputed], [1, 0, 8 * LETTERS]);
    // No device computes a record without ORFs.
    assert.ok(Math.abs(fractionsOf(last) - 7 / 8) < 1e-9, String(fractionsOf(last)));
    assert.deepEqual(
      last.workers.map(({ running }) => running),
      [undefined, undefined, undefined],
    );
  });

  it('is known of the batches where nobody knows how long the run will be', async () => {
    const { statuses } = await watch({ devices: 1, turns: [10] }, SOUND, false);
    const middle = statuses.find(({ workers: [worker] }) => worker!.running?.layersDone === 5)!;
    const [worker] = middle.workers;
    assert.deepEqual([middle.fraction, middle.secondsLeft, worker!.fraction], [undefined, undefined, undefined]);
    assert.deepEqual([worker!.running!.fraction, worker!.running!.layers], [0.5, 10]);
    assert.ok(middle.lettersComputed > 0 && middle.lettersComputed < LETTERS);
  });

  const plans: fc.Arbitrary<Plan> = fc.record({
    devices: fc.integer({ min: 1, max: 4 }),
    memory: fc.constantFrom(Infinity, 200, 40),
    lostAfter: fc.array(fc.constantFrom(Infinity, Infinity, 0, 2), { maxLength: 4 }),
    isBroken: fc.array(fc.boolean(), { maxLength: 2 }),
    turns: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 }),
  });

  it('never goes back, whatever fails, is split, or is computed again', () =>
    fc.assert(
      fc.asyncProperty(plans, fc.array(fc.nat(50), { minLength: 1, maxLength: 9 }), async (plan, seeds) => {
        const { statuses } = await watch(plan, seeds);
        let [fraction, letters] = [0, 0];
        for (const status of statuses) {
          assert.ok(
            status.fraction! >= fraction && status.fraction! <= 1 + 1e-9,
            `${status.fraction} after ${fraction}`,
          );
          assert.ok(status.lettersComputed >= letters);
          assert.ok(status.framesUnderway >= 0 && status.frames + status.framesUnderway <= status.framesFound + 1e-9);
          [fraction, letters] = [status.fraction!, status.lettersComputed];
          for (const { fraction: ofWorker, isLost, running } of status.workers) {
            assert.ok(ofWorker! >= 0 && ofWorker! <= 1);
            if (isLost) assert.equal(running, undefined);
          }
        }
      }),
      { numRuns: 60 },
    ));

  it('was further with a batch that failed, and waits there for its halves', async () => {
    const { statuses, devices } = await watch({ devices: 1, turns: [20], memory: 200 }, [1, 2]);
    assert.ok(devices.events.some(({ event }) => event === 'batch-split'));
    const computed = statuses.map(({ frames, framesUnderway }) => frames + framesUnderway);
    assert.ok(
      computed.some((frames, index) => frames < (computed[index - 1] ?? 0)),
      'what was done of the batch is lost',
    );
    assert.equal(statuses.at(-1)!.fraction, 1);
  });
});
