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
import type { LinearLimit } from './linear-limit.js';

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

/** One opened worker. */
export interface WorkerDescription {
  /** `cuda:0`, `cpu`; `cpu:0`, `cpu:1` … where several share the CPU; `triage:` before it for one of triage. */
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
  /** Why it was taken out of the run; undefined as long as it was not. */
  lost: string | undefined;
  /** See `measureLimits`. */
  limit?: LinearLimit;
}

export function unused({ id, device, precision, threads, weightBytes }: WorkerDescription): WorkerUsage {
  return {
    ...{ id, device, precision, threads, weightBytes },
    ...{ batches: 0, frames: 0, dnaTokens: 0, proteinTokens: 0, lost: undefined },
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

/** A batch that a worker computes, as far as it has come. */
export interface RunningBatch {
  /** See NativeProgress. */
  readonly layersDone: number;
  readonly layers: number;
  /** Fraction of its multiplications that are done, 0 to 1. */
  readonly fraction: number;
  /** Of the whole batch; tokens of both models. */
  readonly frames: number;
  readonly tokens: number;
  /** Since it began. */
  readonly seconds: number;
}

/** What a worker was given to compute. */
interface WatchedTask {
  readonly frames: number;
  readonly tokens: FrameBatchTokens;
}

/** Watches the oldest batch of a worker, from the moment at which it became the oldest. */
class BatchWatch {
  readonly task: WatchedTask;
  readonly #begin = performance.now();
  #layersDone = 0;
  #fraction = 0;

  constructor(task: WatchedTask) {
    this.task = task;
  }

  /**
   * @param progress of the worker's oldest job. That is the next batch already where the end of this one was not heard
   *   of yet, so that what was seen once stands.
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
