import type { FrameBatch, FrameBatcher } from '../batches/frame-batcher.js';
import type { BatchOutcome } from '../engine/batch-task.js';
import type { DevicePool } from '../engine/pool.js';
import { VirnucproError } from '../errors.js';
import type { RunJournal } from '../journal/run-journal.js';
import type { KeptFrame } from '../windows/frame.js';
import type { Ledger } from './ledger.js';
import type { RunControl } from './run-control.js';
import type { BatchFailure, RunSummary } from './summary.js';

/** Batches in a row without a single score, after which more of them would only cost time. */
const MOST_UNSCORED_BATCHES = 3;

/**
 * Windows between two batches. A batch that waits for more frames holds up the results behind it; where hardly any
 * window has a frame it is sent half full after this many, so that what is on its way stays bounded.
 */
const WINDOWS_A_BATCH = 20_000;

export interface DispatcherOptions {
  readonly batcher: FrameBatcher;
  readonly ledger: Ledger;
  readonly summary: RunSummary;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  /** What is in it is not computed again, and what is computed goes into it. */
  readonly journal?: RunJournal | undefined;
  /** Whether the frames' embeddings come with their scores. */
  readonly embeddings: boolean;
}

/** Sends frames to the devices, in batches, and enters what comes back into the ledger. */
export class Dispatcher {
  readonly #pool: DevicePool;
  readonly #batcher: FrameBatcher;
  readonly #ledger: Ledger;
  readonly #summary: RunSummary;
  readonly #control: RunControl;
  readonly #onFailure: (failure: BatchFailure) => void;
  readonly #journal: RunJournal | undefined;
  readonly #embeddings: boolean;
  /** Batches so far, computed or found in the journal. */
  #batches = 0;
  readonly #running = new Set<Promise<void>>();
  #windowsSinceBatch = 0;
  #unscoredInARow = 0;

  constructor(pool: DevicePool, options: DispatcherOptions) {
    this.#pool = pool;
    this.#batcher = options.batcher;
    this.#ledger = options.ledger;
    this.#summary = options.summary;
    this.#control = options.control;
    this.#onFailure = options.onFailure;
    this.#journal = options.journal;
    this.#embeddings = options.embeddings;
  }

  /**
   * Adds the frames of a window, the first with this tag of the ledger. Where a promise comes back, await it before the
   * next window: it is that of a batch which is full, see `flush`.
   */
  addWindow(firstTag: number, frames: readonly KeptFrame[]): Promise<void> | undefined {
    for (const [index, frame] of frames.entries()) {
      const full = this.#batcher.add(firstTag + index, frame);
      if (full.length === 0) continue;
      return this.#send(full).then(() => this.addWindow(firstTag + index + 1, frames.slice(index + 1)));
    }
    return ++this.#windowsSinceBatch >= WINDOWS_A_BATCH ? this.flush() : undefined;
  }

  /**
   * Sends what waits for more frames. Resolves when devices have taken it, which is a while after where the run is paused.
   * @param isWhole whether a run over the same input always makes this batch: not where the input broke off. Default true
   * @throws why the run was stopped
   */
  flush(isWhole = true): Promise<void> {
    return this.#send(this.#batcher.flush(), isWhole);
  }

  async #send(batches: readonly FrameBatch[], isWhole = true): Promise<void> {
    this.#windowsSinceBatch = 0;
    for (const batch of batches) await this.#sendOne(batch, isWhole);
  }

  async #sendOne(batch: FrameBatch, isWhole: boolean): Promise<void> {
    if (this.#control.stopped) throw this.#control.stopped;
    const number = this.#batches++;
    const journal = isWhole ? this.#journal : undefined;
    if (journal?.has(number) && (await this.#settleFrom(journal, number, batch))) return;
    await journal?.room;
    const { outcome } = await this.#summary.timed('waiting', this.#taken(batch));
    const settling = outcome
      .then(
        (scored) => {
          // What failed is tried anew when the run is gone on with.
          if (this.#settle(batch, scored)) journal?.add(number, batch.tokens, scored);
        },
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
      return await this.#pool.submit(batch.tokens, { embeddings: this.#embeddings });
    } catch (error) {
      // The pool's end is the run's; a batch that was withdrawn says nothing new.
      if (error instanceof VirnucproError) this.#control.stop(error);
      throw this.#control.stopped ?? error;
    }
  }

  /** @returns whether the batch is done with */
  async #settleFrom(journal: RunJournal, number: number, batch: FrameBatch): Promise<boolean> {
    const known = await journal.find(number, batch.tokens, this.#ledger.placeOf(batch.tags[0]!));
    if (!known) return false;
    const faults = new Uint8Array(batch.tags.length);
    this.#ledger.settle(batch, { ...known, faults, failures: [] });
    this.#summary.enterJournaled(batch.tags.length);
    return true;
  }

  /** @returns whether every frame has a score */
  #settle(batch: FrameBatch, outcome: BatchOutcome): boolean {
    this.#control.noteWork();
    const failures = this.#ledger.settle(batch, outcome);
    this.#summary.enterOutcome(batch.tags.length, failures);
    for (const failure of failures) this.#onFailure(failure);
    const failed = failures.reduce((sum, { frames }) => sum + frames, 0);
    this.#unscoredInARow = failed === batch.tags.length ? this.#unscoredInARow + 1 : 0;
    if (this.#unscoredInARow >= MOST_UNSCORED_BATCHES) this.#stopForGood(failures.at(-1)!);
    return failures.length === 0;
  }

  #stopForGood({ reason }: BatchFailure): void {
    const message = `Expected scores but ${MOST_UNSCORED_BATCHES} batches in a row have none; the last one: ${reason}`;
    this.#control.stop(new VirnucproError('VNP_SYSTEMIC', message));
  }
}
