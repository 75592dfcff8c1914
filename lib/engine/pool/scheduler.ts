import { asVirnucproError, codeOf, reasonOf, VirnucproError } from '../../errors.js';
import type { BatchTask } from './batch-task.js';
import { afterFailure, whenPoolEnds } from './failure-policy.js';
import type { FailedBatch } from './failure-policy.js';
import type { PoolEvent } from './pool-events.js';
import type { PoolWorker, WorkerClient } from './pool-worker.js';

/** A task that no device has had yet. */
export interface WaitingTask {
  /** The task, now that a device is ready for it; undefined if there is none after all. */
  take(): BatchTask<PoolWorker> | undefined;
  /** No device will take it. */
  refuse(reason: VirnucproError): void;
}

/** One of those whose tasks the devices compute, in turn. */
export interface PoolClient extends WorkerClient {
  /** Whether its tasks stay where they are. */
  readonly isPaused: boolean;
  /** Whether nothing of it is wanted any more. */
  readonly isClosed: boolean;
  /** Tasks that have been taken but have no result, oldest first: they go before all that wait. */
  readonly returned: BatchTask<PoolWorker>[];
  /** Oldest first. */
  readonly waiting: WaitingTask[];
  /** A worker was removed. */
  enterLoss(worker: PoolWorker): void;
}

/**
 * Gives the tasks of all clients to the workers: those that have failed first, then one of each client in turn. What
 * fails is dealt with according to failure-policy.ts. A client that is paused, or has nothing waiting, holds up nobody.
 */
export class Scheduler {
  workers: readonly PoolWorker[];
  readonly #onEvent: (event: PoolEvent) => void;
  readonly #clients = new Set<PoolClient>();
  /** Clients with a waiting task, in the order of their turns. */
  readonly #turns = new Set<PoolClient>();
  /** Why nothing more is accepted. */
  #ended: VirnucproError | undefined;

  constructor(workers: readonly PoolWorker[], onEvent: (event: PoolEvent) => void) {
    this.workers = workers;
    this.#onEvent = onEvent;
  }

  get healthy(): PoolWorker[] {
    return this.workers.filter(({ isLost }) => !isLost);
  }

  /** @throws why nothing more is accepted */
  throwIfEnded(): void {
    if (this.#ended) throw this.#ended;
  }

  /** Has a client take part until it leaves. */
  join(client: PoolClient): void {
    if (this.#clients.has(client)) return;
    this.#clients.add(client);
    for (const worker of this.workers) if (worker.isLost) client.enterLoss(worker);
  }

  leave(client: PoolClient): void {
    this.#clients.delete(client);
    this.#turns.delete(client);
  }

  /** A task waits, behind the client's others. */
  enqueue(client: PoolClient, waiting: WaitingTask): void {
    client.waiting.push(waiting);
    this.#turns.add(client);
    this.dispatch();
  }

  /** Takes a client's tasks back from the workers, except those that have begun. Those of others go back to a worker. */
  reclaim(client: PoolClient): void {
    for (const worker of this.healthy) if (worker.readyOf(client).length > 0) worker.reclaim();
  }

  /** Accepts nothing more. What waits is refused; what had been taken is dropped or fails, depending on the reason. */
  end(reason: VirnucproError): void {
    this.#ended = reason;
    this.#endWaiting(reason);
  }

  /** Hands tasks to the workers that have room. */
  dispatch(): void {
    if (this.#ended) {
      this.#endWaiting(this.#ended);
      return;
    }
    for (const client of this.#clients) if (!client.isPaused) this.#dispatchReturned(client);
    while (this.#dispatchNext()) continue;
  }

  #dispatchReturned(client: PoolClient): void {
    const { returned } = client;
    let position = 0;
    while (position < returned.length) {
      const task = returned[position]!;
      const worker = this.#workerFor(task);
      if (!worker) {
        // Only a task that must not return to where it failed can be stuck while later ones can proceed.
        if (!task.wasRetried) return;
        position++;
      } else if (isTooLarge(task, worker)) {
        returned.splice(position, 1, ...task.halves());
      } else {
        returned.splice(position, 1);
        void this.#run(worker, task, client);
      }
    }
  }

  /** Gives a worker the task whose turn it is. @returns false if there is none, or no worker has room */
  #dispatchNext(): boolean {
    const client = this.#nextClient();
    if (!client) return false;
    const worker = this.#workerFor();
    if (!worker) return false;
    const task = client.waiting.shift()!.take();
    this.#turns.delete(client);
    if (client.waiting.length > 0) this.#turns.add(client);
    if (!task) return true;
    if (isTooLarge(task, worker)) {
      client.returned.push(...task.halves());
      this.#dispatchReturned(client);
    } else {
      void this.#run(worker, task, client);
    }
    return true;
  }

  #nextClient(): PoolClient | undefined {
    for (const client of this.#turns) {
      if (client.waiting.length === 0) this.#turns.delete(client);
      else if (!client.isPaused) return client;
    }
    return undefined;
  }

  /** The least busy worker with room, excluding the one where the task failed if there are others. */
  #workerFor({ failedOn }: Partial<BatchTask<PoolWorker>> = {}): PoolWorker | undefined {
    const { healthy } = this;
    let least: PoolWorker | undefined;
    for (const worker of healthy) {
      if (!worker.hasRoom || (worker === failedOn && healthy.length > 1)) continue;
      if (!least || worker.taskCount < least.taskCount) least = worker;
    }
    return least;
  }

  async #run(worker: PoolWorker, task: BatchTask<PoolWorker>, client: PoolClient): Promise<void> {
    try {
      const seconds = await worker.run(task, client);
      task.succeed({ worker: worker.id, seconds });
      if (task.failedOn && task.failedOn !== worker) this.#countBlame(task.failedOn);
    } catch (error) {
      this.#handleFailure(worker, task, client, asVirnucproError(error));
    }
    this.dispatch();
    this.#rebalance();
  }

  /**
   * When nothing waits and a device is idle, gives it what another has ready: at the end of a run no device then has
   * more than one batch left to compute while another is idle.
   */
  #rebalance(): void {
    if (this.#ended || this.#hasWaiting()) return;
    for (const idle of this.healthy.filter(({ taskCount }) => taskCount === 0)) {
      // Excludes what failed on the idle device: it would be handed back at once.
      const donor = this.healthy.find(({ ready }) => ready.some(({ failedOn }) => failedOn !== idle));
      if (!donor) continue;
      donor.reclaim();
      return;
    }
  }

  /** Whether a task of a client that is not paused waits. */
  #hasWaiting(): boolean {
    for (const { isPaused, returned, waiting } of this.#clients) {
      if (!isPaused && returned.length + waiting.length > 0) return true;
    }
    return false;
  }

  #handleFailure(worker: PoolWorker, task: BatchTask<PoolWorker>, client: PoolClient, error: unknown): void {
    const failed: FailedBatch = {
      code: codeOf(error),
      frames: task.sequences,
      wasRetried: task.wasRetried,
      hasOthers: this.healthy.some((other) => other !== worker),
      isCancelled: task.isCancelled,
      isDeviceLost: worker.isLost,
    };
    const step = afterFailure(failed);
    if (step.device === 'remove') this.#removeDevice(worker, reasonOf(error));
    if (step.device === 'limit') worker.tokensThatFit = Math.min(worker.tokensThatFit, task.size - 1);
    const about = { device: worker.id, frames: failed.frames, code: failed.code, reason: reasonOf(error) };
    switch (client.isClosed ? 'drop' : step.batch) {
      case 'drop':
        task.drop(error);
        break;
      case 'requeue':
        client.returned.push(task);
        break;
      case 'retry':
        this.#onEvent({ event: 'batch-retried', ...about });
        client.returned.push(task.retriedAfter(worker));
        break;
      case 'split':
        this.#onEvent({ event: 'batch-split', ...about });
        client.returned.push(...task.halves());
        break;
      case 'fail':
        task.fail(error);
    }
  }

  #countBlame(worker: PoolWorker): void {
    worker.blames.add(true);
    if (!worker.blames.hasReachedLimit) return;
    this.#removeDevice(worker, 'several batches in a row failed here but succeeded on another device');
  }

  /** Removes a device. Its tasks reject on their own; without any device left, everything that waits fails. */
  #removeDevice(worker: PoolWorker, reason: string): void {
    if (worker.isLost) return;
    worker.lost = reason;
    for (const client of this.#clients) client.enterLoss(worker);
    const left = this.healthy.map(({ id }) => id);
    this.#onEvent({ event: 'device-lost', device: worker.id, reason, left });
    if (left.length > 0) return;
    this.#ended ??= new VirnucproError('VNP_DEVICE_LOST', `No device is left. The last one was lost: ${reason}`);
    this.dispatch();
  }

  #endWaiting(reason: VirnucproError): void {
    const isDropped = whenPoolEnds(reason.code) === 'drop';
    for (const { returned, waiting } of this.#clients) {
      for (const task of returned.splice(0)) {
        if (isDropped) task.drop(reason);
        else task.fail(reason);
      }
      for (const task of waiting.splice(0)) task.refuse(reason);
    }
  }
}

function isTooLarge(task: BatchTask<PoolWorker>, worker: PoolWorker): boolean {
  return task.size > worker.tokensThatFit && task.sequences > 1;
}
