import { asVirnucproError, codeOf, reasonOf, VirnucproError } from '../../errors.js';
import { DEFAULT_DEADLINE } from '../addon.js';
import type { Addon, FrameBatchTokens } from '../addon.js';
import { BatchTask } from './batch-task.js';
import type { BatchOutcome } from './batch-task.js';
import { nextStep } from './failure-policy.js';
import { measureLimit } from './linear-limit.js';
import { openWorkers } from './open-workers.js';
import type { OpenPoolOptions, WorkerRequest } from './open-workers.js';
import type { PoolEvent } from './pool-events.js';
import type { PoolWorker, WorkerDescription, WorkerUsage } from './pool-worker.js';
import { StallWatch } from './stall-watch.js';

/** One batch's way through the pool: accepted now, its outcome later. */
export interface AcceptedBatch {
  /** Rejects only when the batch was cancelled (VNP_ABORTED) or the pool closed (VNP_CLOSED). */
  readonly outcome: Promise<BatchOutcome>;
}

interface WaitingTask {
  readonly task: BatchTask<PoolWorker>;
  readonly onTaken: () => void;
}

/**
 * All devices behind one queue: `submit` waits until a device has room, so a device takes the next batch when it is ready
 * for it and the load balances by itself. What fails is tried again as failure-policy.ts says, before anything new.
 */
export class DevicePool {
  #workers: readonly PoolWorker[];
  readonly #onEvent: (event: PoolEvent) => void;
  /** Batches and parts of batches that no device has taken yet; those that failed before come first. */
  readonly #waiting: WaitingTask[] = [];
  readonly #stallWatch: StallWatch;
  /** Every batch that is not back yet, by the task that it came as. */
  readonly #underway = new Set<BatchTask<PoolWorker>>();
  #isHeld = false;
  /** Why nothing is taken any more. */
  #ended: VirnucproError | undefined;

  private constructor(workers: readonly PoolWorker[], deadline: number, onEvent: (event: PoolEvent) => void) {
    this.#workers = workers;
    this.#stallWatch = new StallWatch(workers, deadline);
    this.#onEvent = onEvent;
  }

  /**
   * Opens a worker for every request, at the same time: see `openWorkers`.
   * @throws what opening failed with
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
   * What is done of the batches that are not back yet, as a number of frames: of their parts that are through, and of
   * those that run.
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

  /** Before the first batch: closes the workers on devices that are not to be used after all. */
  async keepOnly(deviceIds: readonly string[]): Promise<void> {
    const dropped = this.#workers.filter(({ usage }) => !deviceIds.includes(usage.device.id));
    this.#workers = this.#workers.filter((worker) => !dropped.includes(worker));
    await Promise.all(dropped.map(({ native }) => native.close()));
  }

  /** Counts from zero again; what it gives back is kept up to date until the next call. */
  countUsage(): readonly WorkerUsage[] {
    return this.#workers.map((worker) => worker.countUsage());
  }

  /**
   * After a run: measures the linear layers of every device alone, all at the same time as in a run, and enters the
   * limits into the usage that was counted. Takes a fiftieth of the run or about half a second; where that is too
   * little, and with the TorchScript engine, there is no limit.
   */
  async measureLimits(): Promise<void> {
    const measuring = this.#healthy().map(async ({ native, engine, usage }) => {
      if (engine !== 'packed') return;
      const limit = await measureLimit(native, usage);
      if (limit) usage.limit = limit;
    });
    // Nothing measures any more once this has ended, however it ended.
    const outcomes = await Promise.allSettled(measuring);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw asVirnucproError(failure.reason);
  }

  /**
   * Resolves when a device has taken the batch. `embeddings` (default false): whether they come with the scores.
   * @throws VNP_DEVICE_LOST when none is left, VNP_ABORTED when it was cancelled, VNP_CLOSED
   */
  async submit(batch: FrameBatchTokens, { embeddings = false } = {}): Promise<AcceptedBatch> {
    if (this.#ended) throw this.#ended;
    const task = BatchTask.ofBatch<PoolWorker>(batch, embeddings);
    this.#underway.add(task);
    const isBack = (): void => void this.#underway.delete(task);
    task.outcome.then(isBack, isBack);
    await new Promise<void>((taken, refused) => {
      // Taken or not, whoever waits for room hears of the end; afterwards this rejects nobody.
      task.outcome.catch(refused);
      this.#waiting.push({ task, onTaken: taken });
      this.#dispatch();
    });
    return { outcome: task.outcome };
  }

  /**
   * While it holds, what the devices compute is finished and nothing else begins: what they had ready waits, and so does
   * `submit`.
   */
  hold(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) for (const worker of this.#healthy()) recall(worker);
    else this.#dispatch();
  }

  /** Gives up all that no device computes yet; what runs is finished, and the pool stays open. */
  cancel(): void {
    this.#dropWaiting(new VirnucproError('VNP_ABORTED', 'The batch was cancelled before a device took it'));
    for (const worker of this.#healthy()) {
      worker.isRecalled = false;
      worker.native.cancel();
    }
  }

  /** Frees the models and ends their threads, after the jobs that run. */
  async close(): Promise<void> {
    this.#ended = new VirnucproError('VNP_CLOSED', 'Expected an open predictor for a batch but it was closed');
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

  /** Hands waiting tasks to devices that have room, in their order, as long as both are there. */
  #dispatch(): void {
    if (this.#ended) {
      this.#endWaiting(this.#ended);
      return;
    }
    if (this.#isHeld) return;
    let position = 0;
    while (position < this.#waiting.length) {
      const { task, onTaken } = this.#waiting[position]!;
      const worker = this.#workerFor(task);
      if (!worker) {
        // Only a task that must not go to where it failed can be stuck while another could go on.
        if (!task.failedOn) return;
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

  /** The least busy one that has room, but not where the task failed as long as there are others. */
  #workerFor(task: BatchTask<PoolWorker>): PoolWorker | undefined {
    const healthy = this.#healthy();
    let least: PoolWorker | undefined;
    for (const worker of healthy) {
      if (!worker.hasRoom || (worker === task.failedOn && healthy.length > 1)) continue;
      if (!least || worker.jobs < least.jobs) least = worker;
    }
    return least;
  }

  async #run(worker: PoolWorker, task: BatchTask<PoolWorker>): Promise<void> {
    try {
      const result = await worker.run(task);
      task.score(result);
      if (task.failedOn && task.failedOn !== worker) this.#blame(task.failedOn);
    } catch (error) {
      this.#afterFailure(worker, task, asVirnucproError(error));
    }
    this.#dispatch();
    if (this.#waiting.length === 0) this.#shareOut();
  }

  /**
   * Where nothing waits and a device stands still, it gets what another has ready: towards the end of a run no device
   * then works for longer than its last batch while another has nothing to do.
   */
  #shareOut(): void {
    if (this.#ended || this.#isHeld) return;
    const healthy = this.#healthy();
    for (const idle of healthy.filter(({ jobs }) => jobs === 0)) {
      // Never what failed on this very device: it would go back at once.
      const donor = healthy.find(({ ready }) => ready.some(({ failedOn }) => failedOn !== idle));
      if (!donor) continue;
      recall(donor);
      return;
    }
  }

  #afterFailure(worker: PoolWorker, task: BatchTask<PoolWorker>, error: unknown): void {
    const reported = codeOf(error);
    if (reported === 'VNP_ABORTED' && worker.isRecalled) {
      this.#waitFirst(task);
      return;
    }
    if (reported === 'VNP_DEVICE_LOST') this.#lose(worker, reasonOf(error));
    // Whatever a lost device's other jobs fail with, they are not at fault.
    const isGone = worker.isLost && reported !== 'VNP_CLOSED' && reported !== 'VNP_ABORTED';
    const code = isGone ? 'VNP_DEVICE_LOST' : reported;
    const { frames } = task;
    const wasRetried = task.failedOn !== undefined;
    const hasOthers = this.#healthy().some((other) => other !== worker);
    const about = { device: worker.id, frames, code, reason: reasonOf(error) };
    switch (nextStep({ code, frames, wasRetried, hasOthers })) {
      case 'drop':
        task.drop(error);
        break;
      case 'reassign':
        this.#waitFirst(task);
        break;
      case 'retry':
        this.#onEvent({ event: 'batch-retried', ...about });
        this.#waitFirst(task.retriedAfter(worker));
        break;
      case 'split':
        if (code === 'VNP_MEMORY') worker.tokensThatFit = Math.min(worker.tokensThatFit, task.size - 1);
        this.#onEvent({ event: 'batch-split', ...about });
        this.#waiting.unshift(...this.#partsOf(task, () => undefined));
        break;
      case 'fail':
        task.fail(error);
    }
  }

  #waitFirst(task: BatchTask<PoolWorker>): void {
    this.#waiting.unshift({ task, onTaken: () => undefined });
  }

  #partsOf(task: BatchTask<PoolWorker>, onTaken: () => void): WaitingTask[] {
    const [first, second] = task.halves();
    return [
      { task: first, onTaken },
      { task: second, onTaken: () => undefined },
    ];
  }

  #blame(worker: PoolWorker): void {
    if (worker.isLost || !worker.blame()) return;
    this.#lose(worker, 'batch after batch failed here and went well on another device');
  }

  /** Takes a device out. Its jobs come back by themselves; with the last one everything that waits fails. */
  #lose(worker: PoolWorker, reason: string): void {
    if (worker.isLost) return;
    worker.usage.lost = reason;
    const left = this.#healthy().map(({ id }) => id);
    this.#onEvent({ event: 'device-lost', device: worker.id, reason, left });
    if (left.length > 0) return;
    this.#ended ??= new VirnucproError('VNP_DEVICE_LOST', `No device is left, the last one is lost: ${reason}`);
    this.#dispatch();
  }

  /** A batch that no device is left for has failed; one that a closed pool still has is nobody's any more. */
  #endWaiting(reason: VirnucproError): void {
    if (reason.code === 'VNP_CLOSED') {
      this.#dropWaiting(reason);
      return;
    }
    for (const { task, onTaken } of this.#waiting.splice(0)) {
      onTaken();
      task.fail(reason);
    }
  }
}

/** Has what waits on a device come back, to be given out again. */
function recall(worker: PoolWorker): void {
  worker.isRecalled = true;
  worker.native.cancel();
}
