import type { FrameBatch } from '../batches/frame-batcher.js';
import type { BatchOutcome } from '../engine/batch-task.js';
import { codeOf } from '../engine/native-error.js';
import type { DevicePool } from '../engine/pool.js';
import { VirnucproError } from '../errors.js';
import type { Ledger } from './ledger.js';
import type { RunControl } from './run-control.js';
import type { BatchFailure, RunSummary } from './summary.js';

/** Batches in a row without a single score, after which more of them would only cost time. */
const MOST_UNSCORED_BATCHES = 3;

/** Sends batches to the devices and enters what comes back into the ledger. */
export class Dispatcher {
  readonly #pool: DevicePool;
  readonly #ledger: Ledger;
  readonly #summary: RunSummary;
  readonly #control: RunControl;
  readonly #onFailure: (failure: BatchFailure) => void;
  readonly #running = new Set<Promise<void>>();
  #unscoredInARow = 0;

  constructor(
    pool: DevicePool,
    {
      ledger,
      summary,
      control,
      onFailure,
    }: { ledger: Ledger; summary: RunSummary; control: RunControl; onFailure: (failure: BatchFailure) => void },
  ) {
    this.#pool = pool;
    this.#ledger = ledger;
    this.#summary = summary;
    this.#control = control;
    this.#onFailure = onFailure;
  }

  /**
   * Waits until a device has room for the batch, and until the run goes on where it is paused.
   * @throws why the run was stopped
   */
  async send(batch: FrameBatch): Promise<void> {
    await this.#control.goOn();
    const { outcome } = await this.#summary.timed('waiting', this.#taken(batch));
    const settling = outcome
      .then(
        (scored) => this.#settle(batch, scored),
        // Withdrawn: its windows stay open, and nothing behind them leaves.
        () => undefined,
      )
      .finally(() => this.#running.delete(settling));
    this.#running.add(settling);
  }

  /** Resolves when every batch that was sent is back. */
  async finished(): Promise<void> {
    await this.#summary.timed('waiting', Promise.all(this.#running));
  }

  async #taken(batch: FrameBatch): ReturnType<DevicePool['submit']> {
    try {
      return await this.#pool.submit(batch.tokens);
    } catch (error) {
      // The pool's end is the run's; a batch that was withdrawn says nothing new.
      if (error instanceof VirnucproError) this.#control.stop(error);
      throw this.#control.stopped ?? error;
    }
  }

  #settle(batch: FrameBatch, outcome: BatchOutcome): void {
    const failures = this.#ledger.settle(batch, outcome);
    this.#summary.enterOutcome(batch.tags.length, failures);
    for (const failure of failures) this.#onFailure(failure);
    const failed = failures.reduce((sum, { frames }) => sum + frames, 0);
    this.#unscoredInARow = failed === batch.tags.length ? this.#unscoredInARow + 1 : 0;
    if (this.#unscoredInARow < MOST_UNSCORED_BATCHES) return;
    const { reason } = failures.at(-1)!;
    const message = `Expected scores but ${MOST_UNSCORED_BATCHES} batches in a row have none; the last one: ${reason}`;
    this.#control.stop(new VirnucproError('VNP_SYSTEMIC', message));
  }
}

/** Whether a run that ended with this has results that are worth keeping, though it did not come to its end. */
export function keepsResults(reason: unknown): boolean {
  return ['VNP_ABORTED', 'VNP_DEVICE_LOST', 'VNP_SYSTEMIC'].includes(codeOf(reason));
}
