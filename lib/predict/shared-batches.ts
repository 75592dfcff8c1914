import { encodeFrames } from '../batches/encoded-frames.js';
import type { EncodedFrames } from '../batches/encoded-frames.js';
import type { FrameBatcherOptions } from '../batches/frame-batcher.js';
import { OpenBatch } from '../batches/open-batch.js';
import type { BatchBudget } from '../batches/open-batch.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import type { Orf } from '../windows/open-reading-frames.js';
import { SharedBatch } from './batch-part.js';
import { Lane } from './lane.js';
import type { LaneBatches, LaneWindow } from './lane.js';
import type { SinkOptions } from './window-sink.js';

/** Milliseconds that pass. */
export interface Clock {
  now(): number;
  /** Calls back after this many milliseconds. @returns a function that prevents it */
  after(milliseconds: number, callBack: () => void): () => void;
}

const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (milliseconds, callBack) => {
    const timer = setTimeout(callBack, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * The batches that all runs over records in memory fill together, so that many small runs cost no more than a large one.
 * Each run has a lane. A batch is filled when a device is ready for it, with a window of each lane in turn: whatever one
 * run brings, a window of another goes into the next batch or, if there are more runs than a batch has room for, into
 * one of the next few. A device gets a batch once what waits fills one, or has waited for `maxDelay`.
 */
export class SharedBatches implements LaneBatches {
  readonly budget: BatchBudget;
  readonly #share: PoolShare;
  readonly #options: FrameBatcherOptions;
  readonly #maxDelay: number;
  readonly #clock: Clock;
  /** In the order of their turns. */
  readonly #lanes = new Set<Lane>();
  /** A batch is submitted, but no device is ready for it yet. */
  #isSubmitted = false;
  #stopTimer: (() => void) | undefined;

  /** @param maxDelay milliseconds that a window waits for others, at most, when a device is ready for it */
  constructor(share: PoolShare, options: FrameBatcherOptions, maxDelay: number, clock = SYSTEM_CLOCK) {
    this.budget = options;
    this.#share = share;
    this.#options = options;
    this.#maxDelay = maxDelay;
    this.#clock = clock;
  }

  /** A way in for a run. @param share the run's own, where its part of the batches is counted */
  lane(share: PoolShare, options: SinkOptions): Lane {
    const lane = new Lane(this, share, options);
    this.#lanes.add(lane);
    return lane;
  }

  now(): number {
    return this.#clock.now();
  }

  encode(frames: readonly Orf[]): EncodedFrames {
    return encodeFrames(frames, this.#options);
  }

  onEnd(lane: Lane): void {
    this.#lanes.delete(lane);
    if (this.#oldest() === undefined) this.#endTimer();
  }

  /** Submits a batch if it is time for one, or sees to it that this is looked into when it is. */
  onChange(): void {
    if (this.#isSubmitted) return;
    const oldest = this.#oldest();
    if (oldest === undefined) return;
    const left = this.#isFull() ? 0 : oldest + this.#maxDelay - this.#clock.now();
    if (left <= 0) {
      this.#endTimer();
      void this.#submit();
      return;
    }
    this.#stopTimer ??= this.#clock.after(left, () => {
      this.#stopTimer = undefined;
      this.onChange();
    });
  }

  #endTimer(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** When the window came that has waited longest; undefined if none waits. */
  #oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { next } of this.#lanes) if (next && !(oldest! <= next.since)) oldest = next.since;
    return oldest;
  }

  /** Whether what waits fills a batch. */
  #isFull(): boolean {
    let [dna, protein] = [0, 0];
    for (const { tokens } of this.#lanes) {
      dna += tokens.dna;
      protein += tokens.protein;
    }
    return dna >= this.budget.dnaTokens || protein >= this.budget.proteinTokens;
  }

  async #submit(): Promise<void> {
    this.#isSubmitted = true;
    let batch: SharedBatch | undefined;
    try {
      const accepted = await this.#share.submitOnDemand(() => {
        this.#isSubmitted = false;
        return (batch = this.#fill());
      });
      this.onChange();
      const outcome = await accepted?.outcome;
      if (batch && outcome) for (const lane of batch.lanes) lane.onOutcome(batch.partOf(lane, outcome));
    } catch (error) {
      // The pool takes nothing more, or a batch was lost with it.
      this.#isSubmitted = false;
      for (const lane of batch?.lanes ?? [...this.#lanes]) lane.fail(error);
    }
  }

  /** A batch of what waits. Every lane whose window went in goes behind the others. */
  #fill(): SharedBatch | undefined {
    const open = new OpenBatch<LaneWindow>(this.budget);
    for (let lane = this.#nextLane(); lane; lane = this.#nextLane()) {
      const window = lane.next!;
      while (window.taken < window.frames && open.fits(window, window.taken)) {
        open.add(window, window.taken);
        lane.take();
      }
      if (window.taken < window.frames) break;
      this.#lanes.delete(lane);
      this.#lanes.add(lane);
    }
    if (open.isEmpty) return undefined;
    const batch = new SharedBatch(open.close());
    for (const lane of batch.lanes) lane.onSent();
    return batch;
  }

  #nextLane(): Lane | undefined {
    for (const lane of this.#lanes) if (lane.next) return lane;
    return undefined;
  }
}
