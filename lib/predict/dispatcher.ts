import type { FrameBatch, FrameBatcher } from '../batches/frame-batcher.js';
import type { BatchOutcome } from '../engine/pool/scoring-work.js';
import { FailureStreak, UNSCORED_BATCHES_TO_STOP } from '../engine/pool/failure-policy.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import { VirnucproError } from '../errors.js';
import type { BatchRecords } from '../journal/run-journal.js';
import type { Orf } from '../windows/open-reading-frames.js';
import type { BatchFailure } from './batch-failures.js';
import type { RunControl } from './run-control.js';
import type { MutableRunSummary, MutableScoredBatches } from './summary.js';

/** What to do when batch after batch fails. */
const ADVICE = 'Check the model and the devices with `virnucpro doctor`, then resume the run';

/**
 * A batch that waits for more frames holds up the results after it. If hardly any window has a frame, it is sent partly
 * filled after this many windows, so that the number of pending ones stays bounded.
 */
const MAX_WINDOWS_BETWEEN_BATCHES = 20_000;

/** Takes the outcomes of batches. */
export interface OutcomeSink {
  /** Where the frame with this tag is in the input, in words; only while the frame is unsettled. */
  placeOf(tag: number): string;
  /**
   * Enters the outcome of a batch.
   * @param isJournaled whether an earlier run computed it
   * @returns its failures, one for each reason
   */
  settle(batch: FrameBatch, outcome: BatchOutcome, isJournaled: boolean): readonly BatchFailure[];
}

/** Takes windows in input order, to be scored. */
export interface WindowSink {
  /**
   * Adds the frames of a window. The first has this tag of the ledger, the others the tags that follow. If it returns a
   * promise, await it before the next window.
   * @throws why the run was stopped
   */
  addWindow(firstTag: number, frames: readonly Orf[]): Promise<void> | undefined;
  /**
   * Sends what waits for more frames. Resolves when devices have taken it, which waits for the end of a pause.
   * @param isWhole whether any run over the same input makes this batch: false if the input broke off. Default true
   * @throws why the run was stopped
   */
  flush(isWhole?: boolean): Promise<void>;
  /** Resolves when every batch sent has come back. */
  finished(): Promise<void>;
}

export interface DispatcherOptions {
  readonly batcher: FrameBatcher;
  readonly outcomes: OutcomeSink;
  /** Where batches are counted: the summary itself, or its part about triage. */
  readonly counts: MutableScoredBatches;
  /** Adds up the time spent waiting. */
  readonly summary: Pick<MutableRunSummary, 'timed'>;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  /** Batches in it are not computed again; computed batches are added to it. */
  readonly journal?: BatchRecords | undefined;
  /** What the error after too many batches without a score says is missing. Default `scores`. */
  readonly missing?: string;
  /** Whether the frames' embeddings come with their scores. Default false. */
  readonly embeddings?: boolean;
}

/** Sends frames to the devices in batches, and settles what comes back. */
export class Dispatcher implements WindowSink {
  readonly #share: PoolShare;
  readonly #options: DispatcherOptions;
  /** Batches so far, computed or found in the journal. */
  #batches = 0;
  readonly #running = new Set<Promise<void>>();
  #windowsSinceBatch = 0;
  /** Batches without a single score. */
  readonly #unscored = new FailureStreak(UNSCORED_BATCHES_TO_STOP);

  constructor(share: PoolShare, options: DispatcherOptions) {
    this.#share = share;
    this.#options = options;
  }

  addWindow(firstTag: number, frames: readonly Orf[]): Promise<void> | undefined {
    for (const [index, frame] of frames.entries()) {
      const full = this.#options.batcher.add(firstTag + index, frame);
      if (full.length === 0) continue;
      return this.#send(full).then(() => this.addWindow(firstTag + index + 1, frames.slice(index + 1)));
    }
    return ++this.#windowsSinceBatch >= MAX_WINDOWS_BETWEEN_BATCHES ? this.flush() : undefined;
  }

  flush(isWhole = true): Promise<void> {
    return this.#send(this.#options.batcher.flush(), isWhole);
  }

  async #send(batches: readonly FrameBatch[], isWhole = true): Promise<void> {
    this.#windowsSinceBatch = 0;
    for (const batch of batches) await this.#sendOne(batch, isWhole);
  }

  async #sendOne(batch: FrameBatch, isWhole: boolean): Promise<void> {
    const { control, summary } = this.#options;
    control.throwIfStopped();
    const number = this.#batches++;
    const journal = isWhole ? this.#options.journal : undefined;
    if (journal?.has(number) && (await this.#settleFrom(journal, number, batch))) return;
    await journal?.room;
    const { outcome } = await summary.timed('waiting', this.#taken(batch));
    const settling = outcome
      .then(
        (scored) => {
          // A batch with failures stays out of the journal, so that a resumed run tries it again.
          if (this.#settle(batch, scored)) journal?.add(number, batch.tokens, scored);
        },
        // Cancelled: its windows stay unsettled, and no result after them is yielded.
        () => undefined,
      )
      .finally(() => this.#running.delete(settling));
    this.#running.add(settling);
  }

  async finished(): Promise<void> {
    await this.#options.summary.timed('waiting', Promise.all(this.#running));
  }

  async #taken(batch: FrameBatch): ReturnType<PoolShare['submit']> {
    const { control, embeddings = false } = this.#options;
    try {
      return await this.#share.submit(batch.tokens, { embeddings });
    } catch (error) {
      // A failing pool stops the run. A cancelled batch means that the run is stopped already: the first reason counts.
      if (error instanceof VirnucproError) control.stop(error);
      control.throwIfStopped();
      throw error;
    }
  }

  /** @returns whether the batch is settled */
  async #settleFrom(journal: BatchRecords, number: number, batch: FrameBatch): Promise<boolean> {
    const { outcomes, counts } = this.#options;
    const known = await journal.find(number, batch.tokens, outcomes.placeOf(batch.tags[0]!));
    if (!known) return false;
    const faults = new Uint8Array(batch.tags.length);
    outcomes.settle(batch, { ...known, faults, failures: [], computed: [] }, true);
    counts.enterJournaled(batch.tags.length);
    return true;
  }

  /** @returns whether every frame has a score */
  #settle(batch: FrameBatch, outcome: BatchOutcome): boolean {
    const { control, outcomes, counts, onFailure } = this.#options;
    control.noteWork();
    const failures = outcomes.settle(batch, outcome, false);
    counts.enterOutcome(batch.tags.length, failures);
    for (const failure of failures) onFailure(failure);
    const failed = failures.reduce((sum, { frames }) => sum + frames, 0);
    this.#unscored.add(failed === batch.tags.length);
    if (this.#unscored.hasReachedLimit) this.#stopForGood(failures.at(-1)!);
    return failures.length === 0;
  }

  #stopForGood({ reason }: BatchFailure): void {
    const { control, missing = 'scores' } = this.#options;
    const message = `${UNSCORED_BATCHES_TO_STOP} batches in a row have no ${missing}; the last one: ${reason}. ${ADVICE}`;
    control.stop(new VirnucproError('VNP_SYSTEMIC', message));
  }
}
