import { asVirnucproError, VirnucproError } from '../../errors.js';
import { DEFAULT_DEADLINE } from '../addon.js';
import type { Addon } from '../addon.js';
import { measureLimit } from './linear-limit.js';
import { openWorkers } from './open-workers.js';
import type { OpenPoolOptions, WorkerRequest } from './open-workers.js';
import type { PoolEvent } from './pool-events.js';
import { PoolShare } from './pool-share.js';
import type { PoolWorker } from './pool-worker.js';
import { Scheduler } from './scheduler.js';
import { StallWatch } from './stall-watch.js';
import type { WorkerDescription, WorkerUsage } from './worker-usage.js';

/**
 * All devices, shared by any number of clients at once. Each submits its batches to a share of its own and waits until a
 * device takes them: a device takes a batch when it is ready for one, which balances the load.
 */
export class DevicePool {
  readonly #scheduler: Scheduler;
  readonly #stallWatch: StallWatch;
  /** Of the share that was closed last. */
  #lastUsage: readonly WorkerUsage[] = [];

  private constructor(workers: readonly PoolWorker[], deadline: number, onEvent: (event: PoolEvent) => void) {
    this.#scheduler = new Scheduler(workers, onEvent);
    this.#stallWatch = new StallWatch(workers, deadline);
  }

  /**
   * Opens a worker for every request, all at the same time: see `openWorkers`.
   * @throws the errors of `openWorkers`
   */
  static async open(
    addon: Addon,
    requests: readonly WorkerRequest[],
    options: OpenPoolOptions = {},
  ): Promise<DevicePool> {
    const workers = await openWorkers(addon, requests, options);
    const deadline = Math.max(...requests.map(({ deadlineSeconds = DEFAULT_DEADLINE }) => deadlineSeconds));
    return new DevicePool(workers, deadline, options.onEvent ?? (() => undefined));
  }

  /** Every worker, in the order of the requests. */
  get workers(): readonly PoolWorker[] {
    return this.#scheduler.workers;
  }

  get descriptions(): readonly WorkerDescription[] {
    return this.workers.map(({ description }) => description);
  }

  /** Closes the workers on all other devices. To be called before the first batch. */
  async keepOnly(deviceIds: readonly string[]): Promise<void> {
    const dropped = this.workers.filter(({ deviceId }) => !deviceIds.includes(deviceId));
    this.#scheduler.workers = this.workers.filter((worker) => !dropped.includes(worker));
    await Promise.all(dropped.map(({ native }) => native.close()));
  }

  /** A share for one client, such as a run; the client closes it. */
  share(): PoolShare {
    return new PoolShare(this.#scheduler, (usage) => {
      this.#lastUsage = usage;
    });
  }

  /**
   * Measures the linear layers alone after a run, on all devices at the same time as in the run, and adds the limits to
   * the usage of the share that was closed last. Waits for what a run that was left has on the devices; no share may
   * submit work meanwhile. Takes a fiftieth of the run or about half a second; if that is too little, and with the
   * TorchScript engine, there is no limit.
   */
  async measureLimits(): Promise<void> {
    await Promise.all(this.#scheduler.healthy.map((worker) => worker.idle()));
    const measuring = this.#scheduler.healthy.map(async ({ id, native, engine }) => {
      const usage = this.#lastUsage.find((one) => one.id === id);
      if (engine !== 'packed' || !usage) return;
      const limit = await measureLimit(native, usage);
      if (limit) usage.limit = limit;
    });
    // Wait for all, so that nothing is still measuring when this settles.
    const outcomes = await Promise.allSettled(measuring);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw asVirnucproError(failure.reason);
  }

  /** Frees the models and ends their threads, once running jobs are done. */
  async close(): Promise<void> {
    const text = 'The predictor was closed before the batch was computed. Open another one';
    this.#scheduler.end(new VirnucproError('VNP_CLOSED', text));
    await Promise.all(this.workers.map(({ native }) => native.close()));
    this.#stallWatch.end();
  }
}
