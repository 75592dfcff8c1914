import type {
  Addon,
  BatchResult,
  FrameBatchTokens,
  NativeDevice,
  NativeWorker,
  OpenRequest,
  Precision,
} from './addon.js';
import { measureLimit } from './linear-limit.js';
import type { LinearLimit } from './linear-limit.js';
import { asVirnucproError } from './native-error.js';

/**
 * What keeps a device busy and results near their input: on the CPU one job runs and one is ready. A GPU is given a batch
 * while it computes the one before, and a third is ready for when that one's result is handed over.
 */
export function jobsAtATime(deviceId: string): number {
  return deviceId === 'cpu' ? 2 : 3;
}

/** One opened worker. */
export interface WorkerDescription {
  readonly device: NativeDevice;
  readonly precision: Precision;
  readonly threads: number;
  /** Bytes that the weights take on the device. */
  readonly weightBytes: number;
}

/** What one worker has done in one run. */
export interface WorkerUsage extends WorkerDescription {
  batches: number;
  frames: number;
  dnaTokens: number;
  proteinTokens: number;
  /** Seconds on the device's thread. */
  seconds: { dna: number; protein: number; classifier: number };
  /** See `measureLimits`. */
  limit?: LinearLimit;
}

interface PooledWorker {
  readonly native: NativeWorker;
  readonly engine: OpenRequest['engine'];
  usage: WorkerUsage;
  jobs: number;
}

/** One batch's way through the pool: accepted now, its result later. */
export interface AcceptedBatch {
  readonly result: Promise<BatchResult>;
}

/**
 * All devices behind one queue of length zero: `submit` waits until a device has room, so a device takes the next batch
 * when it is ready for it and the load balances by itself.
 */
export class DevicePool {
  readonly #workers: PooledWorker[];
  #waiting: (() => void)[] = [];

  private constructor(workers: PooledWorker[]) {
    this.#workers = workers;
  }

  /** Opens a worker for every request, at the same time. When one fails, those that opened are closed again. */
  static async open(addon: Addon, requests: readonly OpenRequest[]): Promise<DevicePool> {
    const devices = addon.devices();
    const opened = await Promise.allSettled(requests.map((request) => addon.openWorker(request)));
    const failure = opened.find((outcome) => outcome.status === 'rejected');
    if (failure) {
      await Promise.all(opened.map(async (outcome) => outcome.status === 'fulfilled' && outcome.value.close()));
      throw asVirnucproError(failure.reason);
    }
    const workers = opened.flatMap((outcome, index) => {
      if (outcome.status === 'rejected') return [];
      const { device: id, precision, threads, engine } = requests[index]!;
      const device = devices.find((known) => known.id === id)!;
      const usage = unused({ device, precision, threads, weightBytes: outcome.value.weightBytes });
      return [{ native: outcome.value, engine, usage, jobs: 0 }];
    });
    return new DevicePool(workers);
  }

  /** Every worker, in the order of the requests. */
  get workers(): readonly WorkerDescription[] {
    return this.#workers.map(({ usage }) => usage);
  }

  /** Counts from zero again; what it gives back is kept up to date until the next call. */
  countUsage(): readonly WorkerUsage[] {
    return this.#workers.map((worker) => (worker.usage = unused(worker.usage)));
  }

  /**
   * After a run: measures the linear layers of every device alone, all at the same time as in a run, and enters the
   * limits into the usage that was counted. Takes a fiftieth of the run or about half a second; where that is too
   * little, and with the TorchScript engine, there is no limit.
   */
  async measureLimits(): Promise<void> {
    const measuring = this.#workers.map(async ({ native, engine, usage }) => {
      if (engine !== 'packed') return;
      const limit = await measureLimit(native, usage);
      if (limit) usage.limit = limit;
    });
    // Nothing measures any more once this has ended, however it ended.
    const outcomes = await Promise.allSettled(measuring);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw asVirnucproError(failure.reason);
  }

  /** Resolves when a device has taken the batch. */
  async submit(batch: FrameBatchTokens): Promise<AcceptedBatch> {
    for (;;) {
      const free = this.#leastBusy();
      if (free) return { result: this.#run(free, batch) };
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ native }) => native.close()));
  }

  #leastBusy(): PooledWorker | undefined {
    let least: PooledWorker | undefined;
    for (const worker of this.#workers) {
      if (worker.jobs < jobsAtATime(worker.usage.device.id) && (!least || worker.jobs < least.jobs)) least = worker;
    }
    return least;
  }

  async #run(worker: PooledWorker, batch: FrameBatchTokens): Promise<BatchResult> {
    worker.jobs++;
    try {
      const result = await worker.native.run(batch, { embeddings: false });
      count(worker.usage, batch, result);
      return result;
    } catch (error) {
      throw asVirnucproError(error);
    } finally {
      worker.jobs--;
      this.#waiting.shift()?.();
    }
  }
}

function unused({ device, precision, threads, weightBytes }: WorkerDescription): WorkerUsage {
  const seconds = { dna: 0, protein: 0, classifier: 0 };
  return { device, precision, threads, weightBytes, batches: 0, frames: 0, dnaTokens: 0, proteinTokens: 0, seconds };
}

function count(usage: WorkerUsage, batch: FrameBatchTokens, result: BatchResult): void {
  usage.batches++;
  usage.frames += batch.dna.offsets.length - 1;
  usage.dnaTokens += batch.dna.tokens.length;
  usage.proteinTokens += batch.protein.tokens.length;
  for (const part of ['dna', 'protein', 'classifier'] as const) usage.seconds[part] += result.seconds[part];
}
