import type { BatchResult, NativeWorker, OpenRequest } from './addon.js';
import type { BatchTask } from './batch-task.js';
import { BatchWatch } from './running-batch.js';
import type { RunningBatch } from './running-batch.js';
import { countBatch, unused } from './worker-usage.js';
import type { WorkerDescription, WorkerUsage } from './worker-usage.js';

/**
 * What keeps a device busy and results near their input: on the CPU one job runs and one is ready. A GPU is given a batch
 * while it computes the one before, and a third is ready for when that one's result is handed over.
 */
export function jobsAtATime(deviceId: string): number {
  return deviceId === 'cpu' ? 2 : 3;
}

/** Batches in a row that failed here and went well on another device, after which the device is not trusted any more. */
const MAX_BLAMES = 3;

/** One worker of the pool, with what the pool has to remember of it. */
export class PoolWorker {
  readonly native: NativeWorker;
  readonly engine: OpenRequest['engine'];
  usage: WorkerUsage;
  /** What it was given and has not given back, the oldest first: that one runs. */
  readonly #tasks = new Set<BatchTask<PoolWorker>>();
  /** Tokens of the larger side of a batch that fit its memory, as far as is known. */
  tokensThatFit: number;
  /** Its waiting jobs were asked back for a device that has nothing to do: they are not given up. */
  isRecalled = false;
  /** Batches that it has given back, whatever became of them. */
  jobsEnded = 0;
  #blames = 0;
  /** Over the oldest task. */
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

  get jobs(): number {
    return this.#tasks.size;
  }

  /** Whether it has work, on a device that can hang. */
  get isAtWork(): boolean {
    return !this.isLost && this.jobs > 0 && this.usage.device.id !== 'cpu';
  }

  /** What waits for its turn here, as far as the caller can know. */
  get ready(): readonly BatchTask<PoolWorker>[] {
    return [...this.#tasks].slice(1);
  }

  get hasRoom(): boolean {
    return !this.isLost && this.jobs < jobsAtATime(this.usage.device.id);
  }

  /** The batch that it computes, as far as it has come; undefined without one. */
  running(): RunningBatch | undefined {
    return this.isLost ? undefined : this.#watch?.see(this.native.progress());
  }

  async run(task: BatchTask<PoolWorker>): Promise<BatchResult> {
    this.#tasks.add(task);
    this.#watchOldest();
    try {
      const result = await this.native.run(task.tokens, { embeddings: task.wantsEmbeddings });
      countBatch(this.usage, task.tokens, result);
      this.#blames = 0;
      return result;
    } finally {
      this.#tasks.delete(task);
      this.jobsEnded++;
      this.#watchOldest();
    }
  }

  #watchOldest(): void {
    const [oldest] = this.#tasks;
    if (this.#watch?.task !== oldest) this.#watch = oldest && new BatchWatch(oldest);
  }

  /** A batch that failed here went well on another device. @returns whether it happened too often */
  blame(): boolean {
    return ++this.#blames >= MAX_BLAMES;
  }

  /** Counts from zero again; a device that is lost stays so. */
  countUsage(): WorkerUsage {
    const { lost } = this.usage;
    this.usage = unused(this.usage);
    this.usage.lost = lost;
    return this.usage;
  }
}
