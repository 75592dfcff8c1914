import type { PoolShare } from '../engine/pool/pool-share.js';
import type { PoolWorker } from '../engine/pool/pool-worker.js';
import type { WorkerReading, WorkerReadings } from '../engine/pool/worker-memory.js';
import type { MemoryEvent, ProgressEvent, RunEvent } from './events.js';
import type { RunControl } from './run-control.js';
import { computedBy, workerStatus } from './run-status.js';
import type { RunningBatch, RunStatus, WorkerStatus } from './run-status.js';
import type { MutableRunSummary } from './summary.js';

/** Seconds between two readings of memory and sensors. */
const READING_INTERVAL = 2;
/** Seconds between two calls of `onProgress`. */
const PROGRESS_CALL_INTERVAL = 1;
/** Fraction of memory by which use must fall below the limit before the next warning: use at the limit may waver. */
const RELIEF = 0.05;

export type MonitoredShare = Pick<PoolShare, 'workers' | 'runningOn' | 'framesUnderway'>;

export interface RunMonitorOptions {
  /** Of the workers of all shares, in order. */
  readonly readings: Pick<WorkerReadings, 'read'>;
  /** The run's share of the pool of its model, then that of triage, if there is one. */
  readonly shares: readonly MonitoredShare[];
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
  readonly onEvent: (event: RunEvent) => void;
  /** Seconds between two progress events; 0 for none. */
  readonly progressInterval: number;
  /** Fraction of a device's memory, 0 to 1, at which to warn. */
  readonly memoryWarning: number;
  /** Called with how far the run is, at intervals and, if it reaches its end, then. Default none. */
  readonly onProgress?: ((fraction: number | undefined, status: RunStatus) => void) | undefined;
}

/** Watches a run: reports how far it is, on request and at intervals, and warns when memory runs short. */
export class RunMonitor {
  readonly #options: RunMonitorOptions;
  #start: number | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  /** In the workers' order; empty until the first reading. */
  #readings: readonly WorkerReading[] = [];
  #reading: Promise<void> | undefined;
  readonly #warned = new Set<string>();
  #end: number | undefined;
  #isComplete = false;
  /** The highest values so far: progress never goes back. */
  #letters = 0;
  #fraction = 0;
  /** Bytes of all inputs, once they are known. */
  bytesTotal: number | undefined;

  constructor(options: RunMonitorOptions) {
    this.#options = options;
  }

  get #workers(): readonly PoolWorker[] {
    return this.#options.shares.flatMap(({ workers }) => workers);
  }

  /** Starts watching, until `end`. */
  begin(): void {
    this.#start = performance.now();
    const { progressInterval, onProgress } = this.#options;
    const every = (seconds: number, work: () => void): void => {
      this.#timers.push(setInterval(work, seconds * 1000).unref());
    };
    every(READING_INTERVAL, () => void this.#read());
    if (progressInterval > 0) every(progressInterval, () => this.emitProgress());
    if (onProgress) every(PROGRESS_CALL_INTERVAL, () => this.#callOnProgress());
    void this.#read();
  }

  /**
   * After the run: takes a last reading, and emits its memory events.
   * @param isComplete whether the run reached its end
   */
  async end(isComplete = false): Promise<void> {
    this.#end = performance.now();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#read();
    this.#emitMemory();
    if (!isComplete) return;
    this.#isComplete = true;
    this.#callOnProgress();
  }

  #callOnProgress(): void {
    const status = this.status();
    try {
      this.#options.onProgress?.(status.fraction, status);
    } catch {
      // Documented at the option.
    }
  }

  /** Emits how far the run is, and the memory of every device. */
  emitProgress(): void {
    this.#options.onEvent(progressOf(this.status()));
    this.#emitMemory();
  }

  status(): RunStatus {
    const { summary, control, shares } = this.#options;
    const seconds = this.#seconds();
    const { counts, framesDone, framesJournaled, framesSpared, framesFailed, input, computed } = summary;
    const { framesUnderway } = shares[0]!;
    const framesAndParts = framesDone + framesUnderway;
    this.#letters = Math.max(this.#letters, computed.letters(framesAndParts));
    const fraction = this.#furthest(computed.bytes(framesAndParts, input));
    const active = seconds - control.secondsPaused;
    return {
      seconds,
      isPaused: control.isPaused,
      bytesRead: input.bytesRead,
      bytesTotal: this.bytesTotal,
      fraction,
      secondsLeft: secondsLeft(active, fraction, framesAndParts > 0 ? 1 - framesJournaled / framesAndParts : 1),
      lettersComputed: this.#letters,
      records: counts.records,
      windows: counts.windows,
      frames: framesDone,
      framesUnderway,
      framesFound: counts.framesFound,
      framesJournaled,
      framesSpared,
      framesFailed,
      workers: this.#workers.map((worker, index) => this.#worker(worker, index)),
    };
  }

  /** The fraction of the run that is done when this many bytes of the inputs are computed; never less than before. */
  #furthest(bytesComputed: number): number | undefined {
    if (this.#isComplete) return 1;
    if (!this.bytesTotal) return undefined;
    this.#fraction = Math.max(this.#fraction, Math.min(1, bytesComputed / this.bytesTotal));
    return this.#fraction;
  }

  #worker(worker: PoolWorker, index: number): WorkerStatus {
    const { summary } = this.#options;
    const usage = summary.devices[index]!;
    const running = this.#runningOn(worker);
    const done = { frames: usage.frames, tokens: usage.dnaTokens + usage.proteinTokens, running };
    const bytes = summary.computed.bytesOf(computedBy(done).frames, summary.input);
    const fraction = this.bytesTotal ? Math.min(1, bytes / this.bytesTotal) : undefined;
    return workerStatus(worker, { usage, reading: this.#readings[index], running, fraction });
  }

  #runningOn(worker: PoolWorker): RunningBatch | undefined {
    return this.#options.shares.find(({ workers }) => workers.includes(worker))!.runningOn(worker);
  }

  #seconds(): number {
    const now = performance.now();
    return ((this.#end ?? now) - (this.#start ?? now)) / 1000;
  }

  /** Never two at a time: a driver that is slow to answer is not asked again meanwhile. */
  async #read(): Promise<void> {
    this.#reading ??= this.#options.readings.read().then(
      (readings) => {
        this.#readings = readings;
        this.#warnOfPressure();
      },
      // Unreadable sensors must not end a run; their last values stay.
      () => undefined,
    );
    await this.#reading;
    this.#reading = undefined;
  }

  #warnOfPressure(): void {
    const { memoryWarning, onEvent } = this.#options;
    for (const { device, free, total } of this.#memoryOfDevices()) {
      const used = total - free;
      if (used < (memoryWarning - RELIEF) * total) this.#warned.delete(device);
      if (used < memoryWarning * total || this.#warned.has(device)) continue;
      this.#warned.add(device);
      onEvent({ event: 'memory-pressure', device, used, total });
    }
  }

  #memoryOfDevices(): MemoryEvent[] {
    const { summary } = this.#options;
    const events = new Map<string, MemoryEvent>();
    for (const [index, { memory }] of this.#readings.entries()) {
      // Workers that share the CPU share its memory.
      const device = summary.devices[index]!.device.id;
      events.set(device, { event: 'memory', device, ...memory });
    }
    return [...events.values()];
  }

  #emitMemory(): void {
    for (const event of this.#memoryOfDevices()) this.#options.onEvent(event);
  }
}

/** @param computed fraction of what is done that this run computed: the rest, from a journal, says nothing of speed */
function secondsLeft(active: number, fraction: number | undefined, computed: number): number | undefined {
  return fraction && computed > 0 ? ((1 - fraction) * active) / (fraction * computed) : undefined;
}

function progressOf(status: RunStatus): ProgressEvent {
  const { seconds, bytesRead, bytesTotal, fraction, secondsLeft, lettersComputed } = status;
  const { records, windows, frames, framesJournaled, framesSpared, framesFailed, workers } = status;
  const { framesUnderway } = status;
  const tokens = workers.reduce((sum, worker) => sum + computedBy(worker).tokens, 0);
  return {
    event: 'progress',
    seconds,
    bytesRead,
    lettersComputed,
    records,
    windows,
    frames,
    framesSpared,
    framesFailed,
    bytesTotal: bytesTotal ?? null,
    fraction: fraction ?? null,
    secondsLeft: secondsLeft ?? null,
    framesPerSecond: seconds > 0 ? (frames - framesJournaled + framesUnderway) / seconds : 0,
    tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
    devices: workers.map((worker) => ({
      device: worker.id,
      stage: worker.stage,
      fraction: worker.fraction ?? null,
      batchFraction: worker.running?.fraction ?? 0,
      layersDone: worker.running?.layersDone ?? 0,
      layers: worker.running?.layers ?? 0,
      frames: worker.frames,
      tokens: worker.tokens,
      busySeconds: worker.busySeconds,
      utilisation: worker.utilisation ?? null,
      temperature: worker.temperature ?? null,
    })),
  };
}
