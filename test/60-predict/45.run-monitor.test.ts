import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { NativeProgress, NativeSensors, NativeWorker } from '../../lib/engine/addon.js';
import { PoolWorker } from '../../lib/engine/pool/pool-worker.js';
import { unused } from '../../lib/engine/pool/worker-usage.js';
import { readWorkers, WorkerReadings } from '../../lib/engine/pool/worker-memory.js';
import type { SequenceRecord } from '../../lib/input/record.js';
import type { RunEvent } from '../../lib/predict/events.js';
import { RunControl } from '../../lib/predict/run-control.js';
import { RunMonitor } from '../../lib/predict/run-monitor.js';
import { MutableRunSummary } from '../../lib/predict/summary.js';
import { device } from './fake-devices.js';

const MEMORY = { allocated: 30, reserved: 40, peakAllocated: 45, peakReserved: 50 };
const PROGRESS: NativeProgress = { stage: 'protein', layersDone: 0, layers: 48, fraction: 0 };
const SENSORS: NativeSensors = { memoryTotal: 100, memoryFree: 55, utilisation: 0.75, temperature: 61 };

/** The fields of a record that a summary reads. */
function recordOf(header: string, length: number): SequenceRecord {
  return { id: '', source: 'x.fa', header, uracil: 0, gaps: 0, sequence: { length } } as SequenceRecord;
}

function workerOn(id: string): PoolWorker {
  const native: Partial<NativeWorker> = { progress: () => PROGRESS, memory: () => MEMORY };
  const about = {
    id,
    device: { ...device(id), memoryTotal: 90 },
    precision: 'bf16',
    threads: 1,
    weightBytes: 0,
  } as const;
  return new PoolWorker(native as NativeWorker, 'packed', about);
}

describe('the reading of workers', () => {
  it('has of a GPU what libtorch takes and what its sensors say', async () => {
    const [reading] = await readWorkers({ sensors: async () => [SENSORS] }, [workerOn('cuda:0')]);
    const memory = { allocated: 30, reserved: 40, peak: 50, free: 55, total: 100 };
    assert.deepEqual(reading, { memory, utilisation: 0.75, temperature: 61 });
  });

  it('does without sensors', async () => {
    const nothing = { memoryTotal: null, memoryFree: null, utilisation: null, temperature: null };
    const [reading] = await readWorkers({ sensors: async () => [nothing] }, [workerOn('cuda:0')]);
    const memory = { allocated: 30, reserved: 40, peak: 50, free: 50, total: 90 };
    assert.deepEqual(reading, { memory, utilisation: undefined, temperature: undefined });
  });

  it('asks for every GPU once, and never for the CPU', async () => {
    const asked: (readonly string[])[] = [];
    const sensors = async (ids: readonly string[]) => {
      asked.push(ids);
      return ids.map(() => SENSORS);
    };
    await readWorkers({ sensors }, [workerOn('cuda:0'), workerOn('cpu'), workerOn('cuda:1'), workerOn('cpu')]);
    await readWorkers({ sensors }, [workerOn('cpu')]);
    assert.deepEqual(asked, [['cuda:0', 'cuda:1']]);
  });
});

describe('readings for many runs', () => {
  it('are taken once in a while, whoever asks', async () => {
    let readings = 0;
    const sensors = async () => {
      readings++;
      return [SENSORS];
    };
    const shared = new WorkerReadings({ sensors }, [workerOn('cuda:0')]);
    const start = performance.now();
    let asked = 0;
    while (readings < 3) {
      await shared.read();
      asked++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(performance.now() - start >= 500);
    assert.ok(asked >= 3);
  });
});

describe('the watch over a run', () => {
  interface Watched {
    readonly monitor: RunMonitor;
    readonly summary: MutableRunSummary;
    readonly control: RunControl;
    readonly events: RunEvent[];
  }

  function watch(
    sensors: () => Promise<NativeSensors[]>,
    ids = ['cuda:0'],
    progressInterval = 0,
    isBegun = true,
  ): Watched {
    const workers = ids.map(workerOn);
    const shares = [{ workers, framesUnderway: 0, runningOn: () => undefined }];
    const summary = new MutableRunSummary(workers.map(({ description }) => unused(description)));
    const control = new RunControl();
    const events: RunEvent[] = [];
    const onEvent = (event: RunEvent) => events.push(event);
    const run = { shares, summary, control, onEvent, progressInterval };
    const monitor = new RunMonitor({
      readings: { read: () => readWorkers({ sensors }, workers) },
      ...run,
      memoryWarning: 0.9,
    });
    if (isBegun) monitor.begin();
    return { monitor, summary, control, events };
  }
  const withFree = (free: number) => async () => [{ ...SENSORS, memoryFree: free }];

  it('warns when the memory of a device runs short, once for a device', async () => {
    const { monitor, events } = watch(withFree(10), ['cuda:0', 'cuda:0']);
    await monitor.end();
    assert.deepEqual(
      events.filter(({ event }) => event === 'memory-pressure'),
      [{ event: 'memory-pressure', device: 'cuda:0', used: 90, total: 100 }],
    );
  });

  it('does not warn as long as there is enough', async () => {
    const { monitor, events } = watch(withFree(11));
    await monitor.end();
    assert.deepEqual(
      events.map(({ event }) => event),
      ['memory'],
    );
  });

  it('tells of the memory at the end, and lives without sensors', async () => {
    const { monitor, events } = watch(async () => {
      throw new Error('the driver is gone');
    });
    await monitor.end();
    assert.deepEqual(events, []);
    assert.equal(monitor.status().workers[0]!.memory, undefined);
  });

  it('tells how far the run is, at intervals and when asked', async () => {
    const { monitor, summary, control, events } = watch(withFree(60), ['cuda:0', 'cuda:1'], 0.02);
    monitor.bytesTotal = 1000;
    summary.counts.framesFound = 40;
    summary.enterOutcome(10, [{ part: 'dna', code: 'VNP_NATIVE', reason: 'odd', frames: 4, sources: ['x.fa'] }]);
    const progress = (): RunEvent | undefined => events.find(({ event }) => event === 'progress');
    while (!progress()) await new Promise((resolve) => setTimeout(resolve, 10));
    events.length = 0;
    while (!progress()) await new Promise((resolve) => setTimeout(resolve, 10));
    control.pause();
    const status = monitor.status();
    assert.deepEqual(
      [status.frames, status.framesFound, status.framesFailed, status.isPaused, status.bytesTotal],
      [10, 40, 4, true, 1000],
    );
    assert.deepEqual(
      status.workers.map(({ id, stage, utilisation, isLost }) => [id, stage, utilisation, isLost]),
      [
        ['cuda:0', 'protein', 0.75, false],
        // One answer for two devices: nothing is known of the second.
        ['cuda:1', 'protein', undefined, false],
      ],
    );
    await monitor.end();
    const told = events.find((event) => event.event === 'progress')!;
    assert.deepEqual([told.frames, told.framesFailed, told.devices.length], [10, 4, 2]);
    const { length } = events;
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(events.length, length, 'nothing is told after the end');
  });

  it('counts the headers of the records into the fraction that is done', async () => {
    const { monitor, summary } = watch(withFree(60));
    monitor.bytesTotal = 1000;
    // Two records with long headers, with their line ends: the whole input.
    const record = recordOf('x'.repeat(297), 200);
    for (let index = 0; index < 2; index++) {
      summary.enterRecord(record);
      summary.enterWindow(200, 4);
    }
    summary.enterOutcome(4, []);
    assert.equal(monitor.status().fraction, 0.499);
    summary.enterOutcome(4, []);
    assert.deepEqual([monitor.status().fraction, monitor.status().lettersComputed], [0.998, 400]);
    await monitor.end();
  });

  it('counts a packed input by its bytes in the file, and a record that is not sound as done', async () => {
    const { monitor, summary } = watch(withFree(60));
    monitor.bytesTotal = 1000;
    // Half of the file was read, with 2000 bytes of headers and letters in it.
    summary.input.begin();
    summary.input.add(new Uint8Array(500));
    summary.input.recordBytes = 2000;
    const sound = recordOf('x'.repeat(98), 900);
    summary.enterRecord({ ...sound, problem: 'protein' });
    assert.equal(monitor.status().fraction, 0.25);
    summary.enterRecord(sound);
    summary.enterWindow(900, 2);
    assert.equal(monitor.status().fraction, 0.25);
    summary.enterOutcome(2, []);
    assert.equal(monitor.status().fraction, 0.5);
    assert.deepEqual([summary.counts.records, summary.counts.invalid], [2, 1]);
    await monitor.end();
  });

  it('tells nothing before the run begins', async () => {
    const { monitor, events } = watch(withFree(1), ['cuda:0'], 0.02, false);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.deepEqual([monitor.status().seconds, events], [0, []]);
    monitor.begin();
    await monitor.end();
    assert.ok(events.length > 0);
  });

  it('leaves pauses out of the time that is left, but not what the devices finish in them', async () => {
    const clock = mock.method(performance, 'now', () => seconds * 1000);
    let seconds = 1000;
    try {
      const { monitor, summary, control } = watch(withFree(60));
      monitor.bytesTotal = 1004;
      const record = recordOf('', 500);
      summary.enterRecord(record);
      summary.enterWindow(500, 0);
      seconds += 50;
      const before = monitor.status();
      assert.deepEqual([before.fraction, before.seconds, before.secondsLeft], [0.5, 50, 50]);
      control.pause();
      seconds += 200;
      const after = monitor.status();
      assert.deepEqual([after.seconds, after.secondsLeft], [250, 50]);
      // A batch that ends during the pause was computed until now.
      control.noteWork();
      const worked = monitor.status();
      assert.deepEqual([worked.seconds, worked.secondsLeft], [250, 250]);
      control.resume();
      await monitor.end();
    } finally {
      clock.mock.restore();
    }
  });
});
