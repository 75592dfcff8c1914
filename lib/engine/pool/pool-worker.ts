import type { NativeProgress, NativeWorker, OpenRequest } from '../addon.js';
import type { BatchTask } from './batch-task.js';
import type { ComputeSeconds } from './batch-work.js';
import { BLAMES_TO_REMOVE, FailureStreak } from './failure-policy.js';
import type { WorkerDescription } from './worker-usage.js';

/**
 * Just enough tasks to keep a device busy, so that results follow their input closely. On the CPU one runs and one is
 * ready. A GPU is given a batch while it computes the previous one, and a third is ready for the moment when that
 * one's result is delivered.
 */
export function tasksAtATime(deviceId: string): number {
  return deviceId === 'cpu' ? 2 : 3;
}

/** For whom workers compute. */
export interface WorkerClient {
  /** @param seconds as in ComputedSequences */
  count(worker: PoolWorker, task: BatchTask<PoolWorker>, seconds: ComputeSeconds | number): void;
}

/** One worker of the pool, with the pool's state about it. */
export class PoolWorker {
  readonly native: NativeWorker;
  readonly engine: OpenRequest['engine'];
  readonly description: WorkerDescription;
  /** Why it was removed from the pool; undefined if it was not. */
  lost: string | undefined;
  /** Tokens of the larger side of a batch that are known, or assumed, to fit its memory. */
  tokensThatFit: number;
  /** Tasks that it has returned, with or without success. */
  tasksEnded = 0;
  /** Batches that failed here but succeeded on another device. */
  readonly blames = new FailureStreak(BLAMES_TO_REMOVE);
  /** Tasks given to it and not returned yet, oldest first: that one runs. Each with its client. */
  readonly #tasks = new Map<BatchTask<PoolWorker>, WorkerClient>();
  /** Called when a task has ended. */
  readonly #waiters: (() => void)[] = [];
  /** Watches the oldest task. */
  #watch: BatchWatch | undefined;

  constructor(
    native: NativeWorker,
    engine: OpenRequest['engine'],
    description: WorkerDescription,
    tokensThatFit = Infinity,
  ) {
    this.native = native;
    this.engine = engine;
    this.description = description;
    this.tokensThatFit = tokensThatFit;
  }

  get id(): string {
    return this.description.id;
  }

  get deviceId(): string {
    return this.description.device.id;
  }

  get isLost(): boolean {
    return this.lost !== undefined;
  }

  get taskCount(): number {
    return this.#tasks.size;
  }

  /** Whether it has work, on a device that can hang. */
  get isAtWork(): boolean {
    return !this.isLost && this.taskCount > 0 && this.deviceId !== 'cpu';
  }

  /** Tasks that wait here behind the oldest; one of them may in fact have started. */
  get ready(): readonly BatchTask<PoolWorker>[] {
    return [...this.#tasks.keys()].slice(1);
  }

  readyOf(client: WorkerClient): readonly BatchTask<PoolWorker>[] {
    return this.ready.filter((task) => this.#tasks.get(task) === client);
  }

  get hasRoom(): boolean {
    return !this.isLost && this.taskCount < tasksAtATime(this.deviceId);
  }

  /** The batch of this client that it is computing, with its progress; undefined if it is computing none. */
  runningOf(client: WorkerClient): RunningBatch | undefined {
    const watch = this.#watch;
    if (this.isLost || !watch || this.#tasks.get(watch.task) !== client) return undefined;
    return watch.see(this.native.progress());
  }

  /** Computes a task, and has its client count it. @returns how long it took, as in ComputedSequences */
  async run(task: BatchTask<PoolWorker>, client: WorkerClient): Promise<ComputeSeconds | number> {
    this.#tasks.set(task, client);
    this.#watchOldest();
    try {
      const seconds = (await task.work.run(this.native)) ?? this.#secondsOf(task);
      client.count(this, task, seconds);
      this.blames.add(false);
      return seconds;
    } finally {
      this.#tasks.delete(task);
      this.tasksEnded++;
      this.#watchOldest();
      for (const resolve of this.#waiters.splice(0)) resolve();
    }
  }

  /** Resolves when it has no task. */
  async idle(): Promise<void> {
    while (this.#tasks.size > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #watchOldest(): void {
    const [oldest] = this.#tasks.keys();
    if (this.#watch?.task !== oldest) this.#watch = oldest && new BatchWatch(oldest);
  }

  #secondsOf(task: BatchTask<PoolWorker>): number {
    return this.#watch?.task === task ? this.#watch.seconds : 0;
  }

  /** Takes waiting tasks back: they fail with VNP_ABORTED. */
  reclaim(): void {
    this.native.cancel();
  }
}

/** A batch that a worker is computing, with its progress. */
export interface RunningBatch {
  /** See NativeProgress. */
  readonly layersDone: number;
  readonly layers: number;
  /** Fraction of its multiplications that are done, 0 to 1. */
  readonly fraction: number;
  /** Frames, and tokens of both models, of the whole batch. */
  readonly frames: number;
  readonly tokens: number;
  /** Seconds since it began. */
  readonly seconds: number;
}

/** Watches a worker's oldest batch, from the moment when it became the oldest. */
class BatchWatch {
  readonly task: BatchTask<PoolWorker>;
  readonly #begin = performance.now();
  #layersDone = 0;
  #fraction = 0;

  constructor(task: BatchTask<PoolWorker>) {
    this.task = task;
  }

  get seconds(): number {
    return (performance.now() - this.#begin) / 1000;
  }

  /**
   * @param progress progress of the worker's oldest job. That may already be the next batch, before the end of this one
   *   is known here; so the furthest progress seen is kept.
   */
  see({ layersDone, layers, fraction }: NativeProgress): RunningBatch {
    this.#layersDone = Math.max(this.#layersDone, layersDone);
    this.#fraction = Math.max(this.#fraction, fraction);
    const { sequences, work } = this.task;
    return {
      layersDone: this.#layersDone,
      layers,
      fraction: this.#fraction,
      frames: sequences,
      tokens: work.tokens.dna + work.tokens.protein,
      seconds: this.seconds,
    };
  }
}
