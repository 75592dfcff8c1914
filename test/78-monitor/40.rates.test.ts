import assert from 'node:assert/strict';
import { recentRates, totalRates, withStatus } from '../../lib/monitor/rates.js';
import type { RecentRates } from '../../lib/monitor/rates.js';
import type { RunStatus, WorkerStatus } from '../../lib/predict/run-status.js';
import { status, worker } from './statuses.js';

/** A run's statuses, one every half second, with a worker that `workerAt` describes. */
function watched(seconds: number, workerAt: (seconds: number) => Partial<WorkerStatus>): RunStatus[] {
  let history: RunStatus[] = [];
  for (let now = 0; now <= seconds; now += 0.5) {
    history = withStatus(history, status({ seconds: now, workers: [worker(workerAt(now))] }));
  }
  return history;
}

/** A worker that never waits; every batch has 100 frames and 20 000 tokens. */
function busy(batchSeconds: number): (seconds: number) => Partial<WorkerStatus> {
  return (seconds) => {
    const batches = Math.floor(seconds / batchSeconds);
    const fraction = (seconds % batchSeconds) / batchSeconds;
    const batch = { layersDone: Math.floor(48 * fraction), layers: 48, frames: 100, tokens: 20_000 };
    const running = { ...batch, fraction, seconds: fraction * batchSeconds };
    const stage = fraction < 0.25 ? 'dna' : 'protein';
    return { stage, running, batches, frames: 100 * batches, tokens: 20_000 * batches, busySeconds: seconds };
  };
}

function isAbout(rates: RecentRates, expected: RecentRates): void {
  for (const name of ['framesPerSecond', 'tokensPerSecond', 'busyFraction'] as const) {
    assert.ok(Math.abs(rates[name] - expected[name]) <= 1e-9 * expected[name], `${name} ${rates[name]}`);
  }
}

describe('the rates of late', () => {
  for (const batchSeconds of [0.5, 2, 7, 15, 25, 100]) {
    it(`do not jump with batches of ${batchSeconds} s, and are there from the first layers on`, () => {
      for (let seconds = 0.5; seconds < 120; seconds += 3.5) {
        isAbout(recentRates(watched(seconds, busy(batchSeconds)), 0), {
          framesPerSecond: 100 / batchSeconds,
          tokensPerSecond: 20_000 / batchSeconds,
          busyFraction: 1,
        });
      }
    });
  }

  it('are nothing at the very beginning', () => {
    assert.deepEqual(recentRates(watched(0, busy(100)), 0), {
      framesPerSecond: 0,
      tokensPerSecond: 0,
      busyFraction: 0,
    });
  });

  it('are not below nothing after a batch that failed', () => {
    const rates = recentRates(
      watched(40, (seconds) => ({ ...busy(100)(seconds), ...(seconds > 39 && { running: undefined }) })),
      0,
    );
    assert.deepEqual(rates, { framesPerSecond: 0, tokensPerSecond: 0, busyFraction: 1 });
  });

  it('know how long a device waited between its batches', () => {
    // One second of work, then three of waiting.
    const rates = recentRates(
      watched(40, (seconds) => {
        const batches = Math.floor((seconds + 3) / 4);
        const done = { batches, frames: 100 * batches, tokens: 0, busySeconds: batches };
        return { ...done, stage: 'idle', running: undefined };
      }),
      0,
    );
    // Twenty seconds contain five or six such cycles.
    assert.ok(rates.busyFraction >= 0.25 && rates.busyFraction <= 0.3, String(rates.busyFraction));
    assert.ok(rates.framesPerSecond >= 25 && rates.framesPerSecond <= 30, String(rates.framesPerSecond));
  });

  it('fall to nothing when a device has waited for a while', () => {
    const rates = recentRates(
      watched(41, (seconds) =>
        seconds < 20 ? busy(2)(seconds) : { ...busy(2)(20), stage: 'idle', running: undefined },
      ),
      0,
    );
    assert.deepEqual(rates, { framesPerSecond: 0, tokensPerSecond: 0, busyFraction: 0 });
  });

  it('are nothing for a lost device', () => {
    const rates = recentRates(
      watched(20, (seconds) => ({ ...busy(2)(seconds), isLost: seconds > 19 })),
      0,
    );
    assert.deepEqual(rates, { framesPerSecond: 0, tokensPerSecond: 0, busyFraction: 0 });
  });

  it('add up over the devices', () => {
    let history: RunStatus[] = [];
    for (let now = 0; now <= 20; now += 0.5) {
      history = withStatus(history, status({ seconds: now, workers: [worker(busy(2)(now)), worker(busy(4)(now))] }));
    }
    assert.deepEqual(totalRates(history), { framesPerSecond: 75, tokensPerSecond: 15_000 });
    assert.deepEqual(totalRates([]), { framesPerSecond: 0, tokensPerSecond: 0 });
  });

  it('keep what they need of the past, and no moment twice', () => {
    const history = watched(100, busy(2));
    assert.deepEqual([history[0]!.seconds, history.at(-1)!.seconds], [75, 100]);
    assert.equal(withStatus(history, history.at(-1)!).length, history.length);
  });
});
