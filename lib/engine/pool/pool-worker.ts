import type {
  BatchResult,
  FrameBatchTokens,
  NativeDevice,
  NativeProgress,
  NativeWorker,
  OpenRequest,
  Precision,
} from '../addon.js';
import type { BatchTask } from './batch-task.js';
import { BLAMES_TO_REMOVE, FailureStreak } from './failure-policy.js';
import type { LinearLimit } from './linear-limit.js';

/**
 * Just enough tasks to keep a device busy, so that results follow their input closely. On the CPU one runs and one is
 * ready. A GPU is given a batch while it computes the previous one, and a third is ready for the moment when that
 * one's result is delivered.
 */
export function tasksAtATime(deviceId: string): number {
  return deviceId === 'cpu' ? 2 : 3;
}

/** One worker of the pool, with the pool's state about it. */
export class PoolWorker {
  readonly native: NativeWorker;
  readonly engine: OpenRequest['engine'];
  usage: WorkerUsage;
  /** Tasks given to it and not returned yet, oldest first: that one runs. */
  readonly #tasks = new Set<BatchTask<PoolWorker>>();
  /** Tokens of the larger side of a batch that are known, or assumed, to fit its memory. */
  tokensThatFit: number;
  /** Its waiting tasks were taken back for other devices: that they abort is no failure. */
  isReclaimed = false;
  /** Tasks that it has returned, with or without success. */
  tasksEnded = 0;
  /** Batches that failed here but succeeded on another device. */
  readonly blames = new FailureStreak(BLAMES_TO_REMOVE);
  /** Watches the oldest task. */
  #watch: BatchWatch | undefined;

  constructor(
    native: NativeWorker,
    engine: OpenRequest['engine'],
    description: WorkerDescription,
    tokensThatFit = Infinity,
  ) {
    this.tokensThatFit = tokensThatFit;
    this.native = native;
    this.engine = engine;
    this.usage = unused(description);
  }

  get id(): string {
    return this.usage.id;
  }

  get isLost(): boolean {
    return this.usage.lost !== undefined;
  }

  get taskCount(): number {
    return this.#tasks.size;
  }

  /** Whether it has work, on a device that can hang. */
  get isAtWork(): boolean {
    return !this.isLost && this.taskCount > 0 && this.usage.device.id !== 'cpu';
  }

  /** Tasks that wait here behind the oldest; one of them may in fact have started. */
  get ready(): readonly BatchTask<PoolWorker>[] {
    return [...this.#tasks].slice(1);
  }

  get hasRoom(): boolean {
    return !this.isLost && this.taskCount < tasksAtATime(this.usage.device.id);
  }

  /** The batch that it is computing, with its progress; undefined if there is none. */
  running(): RunningBatch | undefined {
    return this.isLost ? undefined : this.#watch?.see(this.native.progress());
  }

  async run(task: BatchTask<PoolWorker>): Promise<BatchResult> {
    this.#tasks.add(task);
    this.#watchOldest();
    try {
      const result = await this.native.run(task.tokens, { embeddings: task.wantsEmbeddings });
      countBatch(this.usage, task.tokens, result);
      this.blames.add(false);
      return result;
    } finally {
      this.#tasks.delete(task);
      this.tasksEnded++;
      this.#watchOldest();
    }
  }

  #watchOldest(): void {
    const [oldest] = this.#tasks;
    if (this.#watch?.task !== oldest) this.#watch = oldest && new BatchWatch(oldest);
  }

  /** Takes waiting tasks back, to be distributed again. */
  reclaim(): void {
    this.isReclaimed = true;
    this.native.cancel();
  }

  /** Restarts counting from zero; a lost device stays lost. */
  countUsage(): WorkerUsage {
    const { lost } = this.usage;
    this.usage = unused(this.usage);
    this.usage.lost = lost;
    return this.usage;
  }
}

/** One opened worker. */
export interface WorkerDescription {
  /** `cuda:0`, `cpu`; `cpu:0`, `cpu:1` … if several share the CPU; with the prefix `triage:` for a triage worker. */
  readonly id: string;
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
  /** Why it was removed from the run; undefined if it was not. */
  lost: string | undefined;
  /** See `measureLimits`. */
  limit?: LinearLimit;
}

export function unused({ id, device, precision, threads, weightBytes }: WorkerDescription): WorkerUsage {
  return {
    id,
    device,
    precision,
    threads,
    weightBytes,
    batches: 0,
    frames: 0,
    dnaTokens: 0,
    proteinTokens: 0,
    lost: undefined,
    seconds: { dna: 0, protein: 0, classifier: 0 },
  };
}

function countBatch(usage: WorkerUsage, batch: FrameBatchTokens, result: BatchResult): void {
  usage.batches++;
  usage.frames += batch.dna.offsets.length - 1;
  usage.dnaTokens += batch.dna.tokens.length;
  usage.proteinTokens += batch.protein.tokens.length;
  for (const part of ['dna', 'protein', 'classifier'] as const) usage.seconds[part] += result.seconds[part];
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

/** What a worker was given to compute. */
interface WatchedTask {
  readonly frames: number;
  readonly tokens: FrameBatchTokens;
}

/** Watches a worker's oldest batch, from the moment when it became the oldest. */
class BatchWatch {
  readonly task: WatchedTask;
  readonly #begin = performance.now();
  #layersDone = 0;
  #fraction = 0;

  constructor(task: WatchedTask) {
    this.task = task;
  }

  /**
   * @param progress progress of the worker's oldest job. That may already be the next batch, before the end of this one
   *   is known here; so the furthest progress seen is kept.
   */
  see({ layersDone, layers, fraction }: NativeProgress): RunningBatch {
    this.#layersDone = Math.max(this.#layersDone, layersDone);
    this.#fraction = Math.max(this.#fraction, fraction);
    const { frames, tokens } = this.task;
    return {
      layersDone: this.#layersDone,
      layers,
      fraction: this.#fraction,
      frames,
      tokens: tokens.dna.tokens.length + tokens.protein.tokens.length,
      seconds: (performance.now() - this.#begin) / 1000,
    };
  }
}
