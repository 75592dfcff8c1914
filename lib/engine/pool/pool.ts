import { asVirnucproError, codeOf, reasonOf, VirnucproError } from '../../errors.js';
import { DEFAULT_DEADLINE } from '../addon.js';
import type { Addon, FrameBatchTokens } from '../addon.js';
import { BatchTask } from './batch-task.js';
import type { BatchOutcome } from './batch-task.js';
import { afterFailure, whenPoolEnds } from './failure-policy.js';
import type { FailedBatch } from './failure-policy.js';
import { measureLimit } from './linear-limit.js';
import { openWorkers } from './open-workers.js';
import type { OpenPoolOptions, WorkerRequest } from './open-workers.js';
import type { PoolEvent } from './pool-events.js';
import type { PoolWorker, WorkerDescription, WorkerUsage } from './pool-worker.js';
import { StallWatch } from './stall-watch.js';

/** A batch that the pool has accepted; its outcome follows later. */
export interface AcceptedBatch {
  /** Rejects only if the batch is cancelled (VNP_ABORTED) or the pool is closed (VNP_CLOSED). */
  readonly outcome: Promise<BatchOutcome>;
}

interface WaitingTask {
  readonly task: BatchTask<PoolWorker>;
  readonly onTaken: () => void;
}

/**
 * All devices behind one queue. `submit` waits until a device has room: each takes a batch when it is ready for one,
 * which balances the load. What fails is retried according to failure-policy.ts, before anything new.
 */
export class DevicePool {
  #workers: readonly PoolWorker[];
  readonly #onEvent: (event: PoolEvent) => void;
  /** Batches and parts of batches that no device has; those that have failed come first. */
  readonly #waiting: WaitingTask[] = [];
  readonly #stallWatch: StallWatch;
  /** Every batch without an outcome yet, as the task that it was submitted as. */
  readonly #underway = new Set<BatchTask<PoolWorker>>();
  #isPaused = false;
  /** Why the pool accepts nothing more. */
  #ended: VirnucproError | undefined;

  private constructor(workers: readonly PoolWorker[], deadline: number, onEvent: (event: PoolEvent) => void) {
    this.#workers = workers;
    this.#stallWatch = new StallWatch(workers, deadline);
    this.#onEvent = onEvent;
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
    return this.#workers;
  }

  get descriptions(): readonly WorkerDescription[] {
    return this.#workers.map(({ usage }) => usage);
  }

  /**
   * Progress through the batches without an outcome yet, in frames: those of finished parts, plus the finished fraction
   * of running ones.
   */
  get framesUnderway(): number {
    let frames = 0;
    for (const task of this.#underway) frames += task.settledOfBatch;
    for (const worker of this.#workers) {
      const running = worker.running();
      if (running) frames += running.fraction * running.frames;
    }
    return frames;
  }

  /** Closes the workers on all other devices. To be called before the first batch. */
  async keepOnly(deviceIds: readonly string[]): Promise<void> {
    const dropped = this.#workers.filter(({ usage }) => !deviceIds.includes(usage.device.id));
    this.#workers = this.#workers.filter((worker) => !dropped.includes(worker));
    await Promise.all(dropped.map(({ native }) => native.close()));
  }

  /** Restarts counting from zero; the returned usage is kept up to date until the next call. */
  countUsage(): readonly WorkerUsage[] {
    return this.#workers.map((worker) => worker.countUsage());
  }

  /**
   * Measures the linear layers alone after a run, on all devices at the same time as in the run, and adds the limits to
   * the counted usage. Takes a fiftieth of the run or about half a second; if that is too little, and with the
   * TorchScript engine, there is no limit.
   */
  async measureLimits(): Promise<void> {
    const measuring = this.#healthy().map(async ({ native, engine, usage }) => {
      if (engine !== 'packed') return;
      const limit = await measureLimit(native, usage);
      if (limit) usage.limit = limit;
    });
    // Wait for all, so that nothing is still measuring when this settles.
    const outcomes = await Promise.allSettled(measuring);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw asVirnucproError(failure.reason);
  }

  /**
   * Resolves when a device has taken the batch. `embeddings` (default false): whether to return them with the scores.
   * @throws VNP_DEVICE_LOST if no device is left, VNP_ABORTED if the batch is cancelled, VNP_CLOSED
   */
  async submit(batch: FrameBatchTokens, { embeddings = false } = {}): Promise<AcceptedBatch> {
    if (this.#ended) throw this.#ended;
    const task = BatchTask.ofBatch<PoolWorker>(batch, embeddings);
    this.#underway.add(task);
    const forget = (): void => void this.#underway.delete(task);
    task.outcome.then(forget, forget);
    await new Promise<void>((taken, refused) => {
      // A batch can end before it is taken: the caller must learn of it. After that, the rejection has no effect.
      task.outcome.catch(refused);
      this.#waiting.push({ task, onTaken: taken });
      this.#dispatch();
    });
    return { outcome: task.outcome };
  }

  /**
   * While paused, the devices finish what they are computing and begin nothing else: batches ready on them go back to
   * the queue, and `submit` waits.
   */
  setPaused(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) for (const worker of this.#healthy()) worker.reclaim();
    else this.#dispatch();
  }

  /** Drops all batches that no device is computing yet; running ones finish, and the pool stays open. */
  cancel(): void {
    this.#dropWaiting(new VirnucproError('VNP_ABORTED', 'The batch was cancelled before a device took it'));
    for (const worker of this.#healthy()) {
      worker.isReclaimed = false;
      worker.native.cancel();
    }
  }

  /** Frees the models and ends their threads, once running jobs are done. */
  async close(): Promise<void> {
    this.#ended = new VirnucproError(
      'VNP_CLOSED',
      'The predictor was closed before the batch was computed. Open another one',
    );
    this.#endWaiting(this.#ended);
    await Promise.all(this.#workers.map(({ native }) => native.close()));
    this.#stallWatch.end();
  }

  #healthy(): PoolWorker[] {
    return this.#workers.filter(({ isLost }) => !isLost);
  }

  #dropWaiting(reason: VirnucproError): void {
    for (const { task } of this.#waiting.splice(0)) task.drop(reason);
  }

  /** Hands waiting tasks, in order, to devices that have room. */
  #dispatch(): void {
    if (this.#ended) {
      this.#endWaiting(this.#ended);
      return;
    }
    if (this.#isPaused) return;
    let position = 0;
    while (position < this.#waiting.length) {
      const { task, onTaken } = this.#waiting[position]!;
      const worker = this.#workerFor(task);
      if (!worker) {
        // Only a task that must not return to where it failed can be stuck while later ones can proceed.
        if (!task.wasRetried) return;
        position++;
        continue;
      }
      if (task.size > worker.tokensThatFit && task.frames > 1) {
        this.#waiting.splice(position, 1, ...this.#partsOf(task, onTaken));
        continue;
      }
      this.#waiting.splice(position, 1);
      onTaken();
      void this.#run(worker, task);
    }
  }

  /** The least busy worker with room, excluding the one where the task failed if there are others. */
  #workerFor(task: BatchTask<PoolWorker>): PoolWorker | undefined {
    const healthy = this.#healthy();
    let least: PoolWorker | undefined;
    for (const worker of healthy) {
      if (!worker.hasRoom || (worker === task.failedOn && healthy.length > 1)) continue;
      if (!least || worker.taskCount < least.taskCount) least = worker;
    }
    return least;
  }

  async #run(worker: PoolWorker, task: BatchTask<PoolWorker>): Promise<void> {
    try {
      const result = await worker.run(task);
      task.score(result);
      if (task.failedOn && task.failedOn !== worker) this.#countBlame(task.failedOn);
    } catch (error) {
      this.#handleFailure(worker, task, asVirnucproError(error));
    }
    this.#dispatch();
    if (this.#waiting.length === 0) this.#rebalance();
  }

  /**
   * When nothing waits and a device is idle, gives it what another has ready: at the end of a run no device then has
   * more than one batch left to compute while another is idle.
   */
  #rebalance(): void {
    if (this.#ended || this.#isPaused) return;
    const healthy = this.#healthy();
    for (const idle of healthy.filter(({ taskCount }) => taskCount === 0)) {
      // Excludes what failed on the idle device: it would be handed back at once.
      const donor = healthy.find(({ ready }) => ready.some(({ failedOn }) => failedOn !== idle));
      if (!donor) continue;
      donor.reclaim();
      return;
    }
  }

  #handleFailure(worker: PoolWorker, task: BatchTask<PoolWorker>, error: unknown): void {
    const failed: FailedBatch = {
      code: codeOf(error),
      frames: task.frames,
      wasRetried: task.wasRetried,
      hasOthers: this.#healthy().some((other) => other !== worker),
      isReclaimed: worker.isReclaimed,
      isDeviceLost: worker.isLost,
    };
    const step = afterFailure(failed);
    if (step.device === 'remove') this.#removeDevice(worker, reasonOf(error));
    if (step.device === 'limit') worker.tokensThatFit = Math.min(worker.tokensThatFit, task.size - 1);
    const about = { device: worker.id, frames: failed.frames, code: failed.code, reason: reasonOf(error) };
    switch (step.batch) {
      case 'drop':
        task.drop(error);
        break;
      case 'requeue':
        this.#requeueFirst(task);
        break;
      case 'retry':
        this.#onEvent({ event: 'batch-retried', ...about });
        this.#requeueFirst(task.retriedAfter(worker));
        break;
      case 'split':
        this.#onEvent({ event: 'batch-split', ...about });
        this.#waiting.unshift(...this.#partsOf(task, () => undefined));
        break;
      case 'fail':
        task.fail(error);
    }
  }

  #requeueFirst(task: BatchTask<PoolWorker>): void {
    this.#waiting.unshift({ task, onTaken: () => undefined });
  }

  #partsOf(task: BatchTask<PoolWorker>, onTaken: () => void): WaitingTask[] {
    const [first, second] = task.halves();
    return [
      { task: first, onTaken },
      { task: second, onTaken: () => undefined },
    ];
  }

  #countBlame(worker: PoolWorker): void {
    worker.blames.add(true);
    if (!worker.blames.hasReachedLimit) return;
    this.#removeDevice(worker, 'several batches in a row failed here but succeeded on another device');
  }

  /** Removes a device. Its tasks reject on their own; without any device left, everything that waits fails. */
  #removeDevice(worker: PoolWorker, reason: string): void {
    if (worker.isLost) return;
    worker.usage.lost = reason;
    const left = this.#healthy().map(({ id }) => id);
    this.#onEvent({ event: 'device-lost', device: worker.id, reason, left });
    if (left.length > 0) return;
    this.#ended ??= new VirnucproError('VNP_DEVICE_LOST', `No device is left. The last one was lost: ${reason}`);
    this.#dispatch();
  }

  #endWaiting(reason: VirnucproError): void {
    if (whenPoolEnds(reason.code) === 'drop') {
      this.#dropWaiting(reason);
      return;
    }
    for (const { task, onTaken } of this.#waiting.splice(0)) {
      onTaken();
      task.fail(reason);
    }
  }
}
