import type { FrameBatch, FrameBatcher } from '../batches/frame-batcher.js';
import type { BatchOutcome } from '../engine/pool/batch-task.js';
import type { DevicePool } from '../engine/pool/pool.js';
import { VirnucproError } from '../errors.js';
import type { BatchRecords } from '../journal/run-journal.js';
import type { Orf } from '../windows/open-reading-frames.js';
import type { RunControl } from './run-control.js';
import type { BatchFailure, RunSummary } from './summary.js';
import type { WindowSink } from './window-stage.js';

/** Batches in a row without a single score, after which more of them would only cost time. */
const MAX_UNSCORED_BATCHES = 3;

/**
 * Windows between two batches. A batch that waits for more frames holds up the results behind it; where hardly any
 * window has a frame it is sent half full after this many, so that what is on its way stays bounded.
 */
const WINDOWS_A_BATCH = 20_000;

/** What batches are settled in. */
export interface ScoreBook {
  /** Where the frame with this tag is in the input, in words; only while it is not settled. */
  placeOf(tag: number): string;
  /**
   * Enters what became of a batch.
   * @param isJournaled whether an earlier run had computed it
   * @returns its failures, those for the same reason together
   */
  settle(batch: FrameBatch, outcome: BatchOutcome, isJournaled: boolean): readonly BatchFailure[];
}

/** What batches are counted in. */
export interface BatchCounts {
  /** A batch of so many frames came back from the devices, with what failed in it. */
  enterOutcome(frames: number, failures: readonly BatchFailure[]): void;
  /** An earlier run had computed a batch of so many frames. */
  enterJournaled(frames: number): void;
}

export interface DispatcherOptions {
  readonly batcher: FrameBatcher;
  readonly scores: ScoreBook;
  readonly counts: BatchCounts;
  /** For the time that is waited. */
  readonly summary: Pick<RunSummary, 'timed'>;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  /** What is in it is not computed again, and what is computed goes into it. */
  readonly journal?: BatchRecords | undefined;
  /** What has no scores, in an error. Default `scores`. */
  readonly what?: string;
  /** Whether the frames' embeddings come with their scores. Default false. */
  readonly embeddings?: boolean;
}

/** Sends frames to the devices, in batches, and settles what comes back. */
export class Dispatcher implements WindowSink {
  readonly #pool: DevicePool;
  readonly #options: DispatcherOptions;
  /** Batches so far, computed or found in the journal. */
  #batches = 0;
  readonly #running = new Set<Promise<void>>();
  #windowsSinceBatch = 0;
  #unscoredInARow = 0;

  constructor(pool: DevicePool, options: DispatcherOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /**
   * Where a promise comes back it is that of a batch which is full, see `flush`.
   */
  addWindow(firstTag: number, frames: readonly Orf[]): Promise<void> | undefined {
    for (const [index, frame] of frames.entries()) {
      const full = this.#options.batcher.add(firstTag + index, frame);
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
    return this.#send(this.#options.batcher.flush(), isWhole);
  }

  async #send(batches: readonly FrameBatch[], isWhole = true): Promise<void> {
    this.#windowsSinceBatch = 0;
    for (const batch of batches) await this.#sendOne(batch, isWhole);
  }

  async #sendOne(batch: FrameBatch, isWhole: boolean): Promise<void> {
    const { control, summary } = this.#options;
    if (control.stopped) throw control.stopped;
    const number = this.#batches++;
    const journal = isWhole ? this.#options.journal : undefined;
    if (journal?.has(number) && (await this.#settleFrom(journal, number, batch))) return;
    await journal?.room;
    const { outcome } = await summary.timed('waiting', this.#taken(batch));
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
    await this.#options.summary.timed('waiting', Promise.all(this.#running));
  }

  async #taken(batch: FrameBatch): ReturnType<DevicePool['submit']> {
    const { control, embeddings = false } = this.#options;
    try {
      return await this.#pool.submit(batch.tokens, { embeddings });
    } catch (error) {
      // The pool's end is the run's; a batch that was cancelled says nothing new.
      if (error instanceof VirnucproError) control.stop(error);
      throw control.stopped ?? error;
    }
  }

  /** @returns whether the batch is done with */
  async #settleFrom(journal: BatchRecords, number: number, batch: FrameBatch): Promise<boolean> {
    const { scores, counts } = this.#options;
    const known = await journal.find(number, batch.tokens, scores.placeOf(batch.tags[0]!));
    if (!known) return false;
    const faults = new Uint8Array(batch.tags.length);
    scores.settle(batch, { ...known, faults, failures: [] }, true);
    counts.enterJournaled(batch.tags.length);
    return true;
  }

  /** @returns whether every frame has a score */
  #settle(batch: FrameBatch, outcome: BatchOutcome): boolean {
    const { control, scores, counts, onFailure } = this.#options;
    control.noteWork();
    const failures = scores.settle(batch, outcome, false);
    counts.enterOutcome(batch.tags.length, failures);
    for (const failure of failures) onFailure(failure);
    const failed = failures.reduce((sum, { frames }) => sum + frames, 0);
    this.#unscoredInARow = failed === batch.tags.length ? this.#unscoredInARow + 1 : 0;
    if (this.#unscoredInARow >= MAX_UNSCORED_BATCHES) this.#stopForGood(failures.at(-1)!);
    return failures.length === 0;
  }

  #stopForGood({ reason }: BatchFailure): void {
    const { control, what = 'scores' } = this.#options;
    const message = `Expected ${what} but ${MAX_UNSCORED_BATCHES} batches in a row have none; the last one: ${reason}`;
    control.stop(new VirnucproError('VNP_SYSTEMIC', message));
  }
}
