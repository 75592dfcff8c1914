import type { PackedTokens } from '../../batches/tokens.js';
import { VirnucproError } from '../../errors.js';
import type { FrameBatchTokens } from '../addon.js';
import { BatchTask } from './batch-task.js';
import type { BatchWork, ComputeSeconds } from './batch-work.js';
import { EmbeddingWork } from './embedding-work.js';
import type { EmbeddingRequest, EmbedOutcome, LanguageModelPart } from './embedding-work.js';
import type { PoolWorker, RunningBatch } from './pool-worker.js';
import type { PoolClient, Scheduler, WaitingTask } from './scheduler.js';
import { ScoringWork } from './scoring-work.js';
import type { BatchOutcome } from './scoring-work.js';
import { countTask, unused } from './worker-usage.js';
import type { CountedWork, WorkerUsage } from './worker-usage.js';

/** A batch that a device has taken; its outcome follows later. */
export interface AcceptedBatch<Outcome = BatchOutcome> {
  /** Rejects only if the batch is cancelled (VNP_ABORTED) or the pool is closed (VNP_CLOSED). */
  readonly outcome: Promise<Outcome>;
}

/** A batch that is made for a device that is ready for it. */
export interface OnDemandBatch {
  readonly tokens: FrameBatchTokens;
  /** Whether to return embeddings with the scores. */
  readonly embeddings: boolean;
}

/**
 * The pool as one client sees it, such as a run: it submits, counts, pauses and cancels its own batches, whatever other
 * clients do. Has no effect on the pool before its first batch.
 */
export class PoolShare implements PoolClient {
  readonly returned: BatchTask<PoolWorker>[] = [];
  readonly waiting: WaitingTask[] = [];
  readonly #scheduler: Scheduler;
  readonly #usage: ReadonlyMap<PoolWorker, WorkerUsage>;
  readonly #onClose: (usage: readonly WorkerUsage[]) => void;
  /** Every batch without an outcome yet, as the task that it was submitted as. */
  readonly #underway = new Set<BatchTask<PoolWorker>>();
  #isPaused = false;
  #isClosed = false;

  constructor(scheduler: Scheduler, onClose: (usage: readonly WorkerUsage[]) => void) {
    this.#scheduler = scheduler;
    this.#onClose = onClose;
    this.#usage = new Map(scheduler.workers.map((worker) => [worker, unused(worker.description)]));
    for (const worker of scheduler.workers) this.enterLoss(worker);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Every worker of the pool. */
  get workers(): readonly PoolWorker[] {
    return this.#scheduler.workers;
  }

  /** What each worker has done for this share, in the workers' order; kept up to date until the share is closed. */
  get usage(): readonly WorkerUsage[] {
    return [...this.#usage.values()];
  }

  /**
   * Progress through the batches without an outcome yet, in frames: those of finished parts, plus the finished fraction
   * of running ones.
   */
  get framesUnderway(): number {
    let frames = 0;
    for (const task of this.#underway) frames += task.settledOfBatch;
    for (const worker of this.workers) {
      const running = worker.runningOf(this);
      if (running) frames += running.fraction * running.frames;
    }
    return frames;
  }

  /** The batch of this share that a worker is computing. */
  runningOn(worker: PoolWorker): RunningBatch | undefined {
    return worker.runningOf(this);
  }

  /**
   * Scores frames. Resolves when a device has taken the batch. `embeddings` (default false): whether to return them
   * with the scores.
   * @throws VNP_DEVICE_LOST if no device is left, VNP_ABORTED if the batch is cancelled, VNP_CLOSED
   */
  submit(batch: FrameBatchTokens, { embeddings = false } = {}): Promise<AcceptedBatch> {
    return this.#accept(ScoringWork.ofBatch(batch, embeddings));
  }

  /**
   * Embeds sequences with one of the language models. Resolves when a device has taken the batch.
   * @throws as `submit`
   */
  embed(
    part: LanguageModelPart,
    tokens: PackedTokens,
    request: EmbeddingRequest,
  ): Promise<AcceptedBatch<EmbedOutcome>> {
    return this.#accept(EmbeddingWork.ofBatch(part, tokens, request));
  }

  async #accept<Outcome>(work: BatchWork<Outcome>): Promise<AcceptedBatch<Outcome>> {
    const accepted = await this.#acceptOnDemand(() => work);
    return accepted!;
  }

  /**
   * Scores a batch that is made when a device is ready for it. Resolves then.
   * @param make returns the batch, or undefined if there is none after all; must not call the share
   * @returns undefined if there was none
   * @throws as `submit`
   */
  submitOnDemand(make: () => OnDemandBatch | undefined): Promise<AcceptedBatch | undefined> {
    return this.#acceptOnDemand(() => {
      const batch = make();
      return batch && ScoringWork.ofBatch(batch.tokens, batch.embeddings);
    });
  }

  async #acceptOnDemand<Outcome>(
    make: () => BatchWork<Outcome> | undefined,
  ): Promise<AcceptedBatch<Outcome> | undefined> {
    this.#scheduler.throwIfEnded();
    if (this.#isClosed) throw new VirnucproError('VNP_CLOSED', 'The batch was submitted after the end of its run');
    this.#scheduler.join(this);
    return new Promise((resolve, reject) => {
      this.#scheduler.enqueue(this, {
        take: () => {
          const work = make();
          const task = work && BatchTask.ofBatch<PoolWorker, Outcome>(work);
          resolve(task && { outcome: this.#outcomeOf(task) });
          return task;
        },
        refuse: reject,
      });
    });
  }

  #outcomeOf<Outcome>(task: BatchTask<PoolWorker, Outcome>): Promise<Outcome> {
    this.#underway.add(task);
    const forget = (): void => void this.#underway.delete(task);
    task.outcome.then(forget, forget);
    return task.outcome;
  }

  /**
   * While paused, the devices finish what they are computing for this share and begin nothing else of it: batches ready
   * on them go back to the queue, and `submit` waits.
   */
  setPaused(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#scheduler.reclaim(this);
    else this.#scheduler.dispatch();
  }

  /** Drops the batches of this share that no device is computing yet; running ones finish, and the share stays open. */
  cancel(): void {
    const reason = new VirnucproError('VNP_ABORTED', 'The batch was cancelled before a device took it');
    for (const task of this.waiting.splice(0)) task.refuse(reason);
    for (const task of this.returned.splice(0)) task.drop(reason);
    for (const worker of this.workers) for (const task of worker.readyOf(this)) task.isCancelled = true;
    this.#scheduler.reclaim(this);
  }

  /** Cancels what has not begun, and leaves the pool: nothing is counted or computed again for this share. */
  close(): void {
    if (this.#isClosed) return;
    this.cancel();
    this.#isClosed = true;
    this.#scheduler.leave(this);
    this.#onClose(this.usage);
  }

  count(worker: PoolWorker, { work }: BatchTask<PoolWorker>, seconds: ComputeSeconds | number): void {
    countTask(this.#usage.get(worker)!, work, seconds);
  }

  /** Counts what a worker has computed for this client in a batch of another share. */
  countPart(worker: string, part: CountedWork, seconds: ComputeSeconds | number): void {
    if (this.#isClosed) return;
    this.#scheduler.join(this);
    countTask(
      this.usage.find(({ id }) => id === worker)!,
      part,
      seconds,
    );
  }

  enterLoss(worker: PoolWorker): void {
    this.#usage.get(worker)!.lost = worker.lost;
  }
}
