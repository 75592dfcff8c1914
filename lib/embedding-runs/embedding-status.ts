import type { LoadedLanguageModel } from '../embed/open-language-model.js';
import { loadAddon } from '../engine/libtorch/load.js';
import { busySeconds } from '../engine/pool/linear-limit.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import type { PoolWorker } from '../engine/pool/pool-worker.js';
import { WorkerReadings } from '../engine/pool/worker-memory.js';
import type { WorkerReading } from '../engine/pool/worker-memory.js';
import type { WorkerUsage } from '../engine/pool/worker-usage.js';
import type { InputFile } from '../input/input-files.js';
import type { InputProgress } from '../input/input-progress.js';
import { workerStatus } from '../predict/run-status.js';
import type { DeviceSummary, RunStatus, WorkerStatus } from '../predict/run-status.js';
import type { EmbeddingProgressEvent } from './events.js';

/** Seconds between two readings of memory and sensors. */
const READING_INTERVAL = 2;

/** What a run counts, kept up to date. */
export interface EmbeddingProgress {
  /** Records that were read, and their letters. */
  records: number;
  letters: number;
  /** Records that are done, and their letters. */
  recordsDone: number;
  lettersDone: number;
  /** Those without an embedding. */
  recordsFailed: number;
}

export interface EmbeddingStatusOptions {
  readonly loaded: LoadedLanguageModel;
  readonly share: PoolShare;
  readonly files: readonly InputFile[];
  readonly input: InputProgress;
  readonly progress: EmbeddingProgress;
}

/** Watches a run of embeddings: how far it is, and what every device does. */
export class EmbeddingStatus {
  readonly #options: EmbeddingStatusOptions;
  readonly #start = performance.now();
  readonly #bytesTotal: number | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #sensors: Pick<WorkerReadings, 'read'>;
  /** In the workers' order; empty until the first reading. */
  #readings: readonly WorkerReading[] = [];
  #reading: Promise<void> | undefined;
  /** The highest value so far: progress never goes back. */
  #fraction = 0;
  #pausedSince: number | undefined;
  #paused = 0;

  constructor(options: EmbeddingStatusOptions) {
    this.#options = options;
    this.#sensors = new WorkerReadings(loadAddon().addon, options.share.workers);
    const sizes = options.files.map(({ size }) => size);
    this.#bytesTotal = sizes.includes(undefined)
      ? undefined
      : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    this.#timer = setInterval(() => void this.#read(), READING_INTERVAL * 1000).unref();
    void this.#read();
  }

  /** Takes a last reading. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#read();
  }

  /** Time that is spent paused does not count as work. */
  setPaused(isPaused: boolean): void {
    const now = performance.now();
    this.#paused += now - (this.#pausedSince ?? now);
    this.#pausedSince = isPaused ? now : undefined;
  }

  now(): RunStatus {
    const { loaded, share, input, progress } = this.#options;
    const now = performance.now();
    const seconds = (now - this.#start) / 1000;
    const active = seconds - (this.#paused + now - (this.#pausedSince ?? now)) / 1000;
    const { bytesRead } = input;
    const done = progress.letters > 0 ? progress.lettersDone / progress.letters : 0;
    if (this.#bytesTotal) {
      this.#fraction = Math.max(this.#fraction, Math.min(1, (bytesRead / this.#bytesTotal) * done));
    }
    const fraction = this.#bytesTotal ? this.#fraction : undefined;
    const tokens = share.usage.reduce((sum, usage) => sum + tokensOf(usage), 0);
    return {
      unit: 'sequence',
      letter: loaded.part === 'protein' ? 'residue' : 'base',
      seconds,
      isPaused: share.isPaused,
      bytesRead,
      bytesTotal: this.#bytesTotal,
      fraction,
      secondsLeft: fraction ? ((1 - fraction) * active) / fraction : undefined,
      lettersComputed: progress.lettersDone,
      records: progress.records,
      windows: 0,
      frames: progress.recordsDone,
      framesFound: progress.records,
      framesUnderway: 0,
      framesJournaled: 0,
      framesSpared: 0,
      framesFailed: progress.recordsFailed,
      workers: share.workers.map((worker, index) => this.#worker(worker, index, fraction, tokens)),
    };
  }

  #worker(worker: PoolWorker, index: number, fraction: number | undefined, tokensOfAll: number): WorkerStatus {
    const { share } = this.#options;
    const usage = share.usage[index]!;
    const running = share.runningOn(worker);
    const ofAll = fraction === undefined || tokensOfAll === 0 ? fraction : (fraction * tokensOf(usage)) / tokensOfAll;
    return workerStatus(worker, { usage, reading: this.#readings[index], running, fraction: ofAll });
  }

  /** The same for the log. */
  event(): EmbeddingProgressEvent {
    const { seconds, bytesRead, bytesTotal, fraction, secondsLeft, frames, framesFailed, workers } = this.now();
    const sum = (of: (worker: WorkerStatus) => number): number => workers.reduce((all, worker) => all + of(worker), 0);
    const perSecond = (number: number): number => (seconds > 0 ? number / seconds : 0);
    return {
      event: 'embedding-progress',
      seconds,
      bytesRead,
      bytesTotal: bytesTotal ?? null,
      fraction: fraction ?? null,
      secondsLeft: secondsLeft ?? null,
      records: frames,
      recordsFailed: framesFailed,
      sequencesPerSecond: perSecond(sum((worker) => worker.frames)),
      tokensPerSecond: perSecond(sum((worker) => worker.tokens)),
    };
  }

  /** What every worker did, for the manifest and the log. */
  devices(): DeviceSummary[] {
    return this.#options.share.usage.map((usage, index) => {
      const { id, device, precision, threads, batches, frames, seconds, lost } = usage;
      const tokens = tokensOf(usage);
      const busy = busySeconds(seconds);
      const memory = this.#readings[index]?.memory;
      return {
        ...{ id, name: device.name, precision, threads, batches, frames, tokens },
        busySeconds: busy,
        tokensPerSecond: busy > 0 ? tokens / busy : 0,
        matmulEfficiency: null,
        memoryPeakBytes: memory?.peak ?? 0,
        memoryTotalBytes: memory?.total ?? device.memoryTotal,
        lost: lost ?? null,
      };
    });
  }

  /** Never two at a time: a driver that is slow to answer is not asked again meanwhile. */
  async #read(): Promise<void> {
    this.#reading ??= this.#sensors.read().then(
      (readings) => {
        this.#readings = readings;
      },
      // Unreadable sensors must not end a run; their last values stay.
      () => undefined,
    );
    await this.#reading;
    this.#reading = undefined;
  }
}

function tokensOf({ dnaTokens, proteinTokens }: WorkerUsage): number {
  return dnaTokens + proteinTokens;
}
