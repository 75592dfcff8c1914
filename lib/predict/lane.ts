import type { EncodedFrames } from '../batches/encoded-frames.js';
import type { BatchBudget } from '../batches/open-batch.js';
import type { PackedTokens } from '../batches/tokens.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import { reasonOf, VirnucproError } from '../errors.js';
import type { Orf } from '../windows/open-reading-frames.js';
import type { BatchPart } from './batch-part.js';
import { Settlement } from './settlement.js';
import type { SinkOptions, WindowSink } from './window-sink.js';

/** A window that waits for shared batches. */
export interface LaneWindow extends EncodedFrames {
  readonly lane: Lane;
  /** Tag of its first frame; the others have the tags that follow. */
  readonly firstTag: number;
  readonly frames: number;
  /** When it came, in milliseconds of the batches' clock. */
  readonly since: number;
  /** Its first frames, this many, are in a batch. */
  taken: number;
}

/** What a lane needs of the batches that it feeds. */
export interface LaneBatches {
  readonly budget: BatchBudget;
  now(): number;
  encode(frames: readonly Orf[]): EncodedFrames;
  /** A window came, or those that wait may be taken again. */
  onChange(): void;
  onEnd(lane: Lane): void;
}

interface Waiter {
  readonly isOver: () => boolean;
  readonly resolve: () => void;
}

/**
 * One run's way into shared batches: its windows wait here until a batch takes them. At most about one batch of them
 * waits, so that a run that brings many takes no more memory than any other.
 */
export class Lane implements WindowSink {
  readonly wantsEmbeddings: boolean;
  readonly #batches: LaneBatches;
  readonly #share: PoolShare;
  readonly #options: SinkOptions;
  readonly #settlement: Settlement;
  readonly #windows: LaneWindow[] = [];
  /** Of the waiting frames. */
  readonly #tokens = { dna: 0, protein: 0 };
  /** Batches that have frames of it and are not back yet. */
  #underway = 0;
  #isPaused = false;
  #hasEnded = false;
  #waiters: Waiter[] = [];

  /** @param share where the run's part of shared batches is counted */
  constructor(batches: LaneBatches, share: PoolShare, options: SinkOptions) {
    this.wantsEmbeddings = options.embeddings ?? false;
    this.#batches = batches;
    this.#share = share;
    this.#options = options;
    this.#settlement = new Settlement(options);
  }

  /** The oldest waiting window, if it may be taken now. */
  get next(): LaneWindow | undefined {
    return this.#isPaused ? undefined : this.#windows[0];
  }

  /** Tokens of the frames that may be taken now. */
  get tokens(): { readonly dna: number; readonly protein: number } {
    return this.#isPaused ? { dna: 0, protein: 0 } : this.#tokens;
  }

  get #hasRoom(): boolean {
    const { dnaTokens, proteinTokens } = this.#batches.budget;
    return this.#tokens.dna < dnaTokens && this.#tokens.protein < proteinTokens;
  }

  addWindow(firstTag: number, frames: readonly Orf[]): Promise<void> | undefined {
    this.#options.control.throwIfStopped();
    if (frames.length === 0) return undefined;
    const encoded = this.#batches.encode(frames);
    const place = { lane: this, firstTag, frames: frames.length, since: this.#batches.now(), taken: 0 };
    this.#windows.push({ ...encoded, ...place });
    this.#tokens.dna += encoded.dna.tokens.length;
    this.#tokens.protein += encoded.protein.tokens.length;
    this.#batches.onChange();
    return this.#hasRoom ? undefined : this.#until(() => this.#hasRoom);
  }

  flush(): Promise<void> {
    return this.#until(() => this.#windows.length === 0);
  }

  async finished(): Promise<void> {
    // Whatever ended the run is thrown elsewhere, after its last results.
    await this.#until(() => this.#underway === 0).catch(() => undefined);
  }

  setPaused(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    if (!isPaused) this.#batches.onChange();
  }

  /** Drops what waits; what is on the devices is discarded when it comes back. */
  cancel(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#windows.length = 0;
    this.#batches.onEnd(this);
    this.#wake();
  }

  /** The first frame of the oldest window that is in no batch yet goes into one. */
  take(): void {
    const window = this.#windows[0]!;
    const tokensOf = ({ offsets }: PackedTokens): number => offsets[window.taken + 1]! - offsets[window.taken]!;
    this.#tokens.dna -= tokensOf(window.dna);
    this.#tokens.protein -= tokensOf(window.protein);
    if (++window.taken === window.frames) this.#windows.shift();
  }

  /** A batch with frames of it goes to a device. */
  onSent(): void {
    this.#underway++;
    this.#wake();
  }

  /** The batch is back. */
  onOutcome({ tags, outcome, tokens }: BatchPart): void {
    this.#underway--;
    if (this.#hasEnded) return;
    try {
      for (const { first, last, worker, seconds } of outcome.computed) {
        const sum = (sizes: readonly number[]): number => sizes.slice(first, last).reduce((all, size) => all + size, 0);
        const sizes = { dna: sum(tokens.dna), protein: sum(tokens.protein) };
        this.#share.countPart(worker, { sequences: last - first, tokens: sizes }, seconds);
      }
      this.#settlement.enter({ tags }, outcome);
    } catch (error) {
      this.fail(error);
    }
    this.#wake();
  }

  /** Stops the run. */
  fail(error: unknown): void {
    const reason = error instanceof VirnucproError ? error : new VirnucproError('VNP_NATIVE', reasonOf(error));
    this.#options.control.stop(reason, error);
    this.cancel();
  }

  /** Resolves when it is over. @throws why the run was stopped */
  async #until(isOver: () => boolean): Promise<void> {
    if (isOver()) return;
    const { control, summary } = this.#options;
    if (!this.#hasEnded) {
      const waiting = new Promise<void>((resolve) => this.#waiters.push({ isOver, resolve }));
      await summary.timed('waiting', waiting);
    }
    control.throwIfStopped();
  }

  #wake(): void {
    const all = this.#waiters;
    this.#waiters = [];
    for (const waiter of all) {
      if (this.#hasEnded || waiter.isOver()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }
}
