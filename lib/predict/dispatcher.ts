import type { FrameBatch, FrameBatcher } from '../batches/frame-batcher.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import { VirnucproError } from '../errors.js';
import type { BatchRecords } from '../journal/run-journal.js';
import type { Orf } from '../windows/open-reading-frames.js';
import { Settlement } from './settlement.js';
import type { SinkOptions, WindowSink } from './window-sink.js';

/**
 * A batch that waits for more frames holds up the results after it. If hardly any window has a frame, it is sent partly
 * filled after this many windows, so that the number of pending ones stays bounded.
 */
const MAX_WINDOWS_BETWEEN_BATCHES = 20_000;

export interface DispatcherOptions extends SinkOptions {
  readonly batcher: FrameBatcher;
  /** Batches in it are not computed again; computed batches are added to it. */
  readonly journal?: BatchRecords | undefined;
}

/** Sends a run's frames to the devices in batches of its own, and settles what comes back. */
export class Dispatcher implements WindowSink {
  readonly #share: PoolShare;
  readonly #options: DispatcherOptions;
  /** Batches so far, computed or found in the journal. */
  #batches = 0;
  readonly #running = new Set<Promise<void>>();
  #windowsSinceBatch = 0;
  readonly #settlement: Settlement;

  constructor(share: PoolShare, options: DispatcherOptions) {
    this.#share = share;
    this.#options = options;
    this.#settlement = new Settlement(options);
  }

  setPaused(isPaused: boolean): void {
    this.#share.setPaused(isPaused);
  }

  cancel(): void {
    this.#share.cancel();
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
          if (this.#settlement.enter(batch, scored)) journal?.add(number, batch.tokens, scored);
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
}
