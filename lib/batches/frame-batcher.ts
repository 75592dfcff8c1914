import { encodeFrames } from './encoded-frames.js';
import type { EncodedFrames, FrameEncoding, FrameLetters } from './encoded-frames.js';
import { OpenBatch } from './open-batch.js';
import type { BatchBudget } from './open-batch.js';

/** Bases to tokenize in one call, since a call costs more than a frame. */
const TOKENIZED_AT_ONCE = 64 * 1024;

const NONE: readonly FrameBatch[] = [];

/** What a device embeds in one job. */
export interface FrameBatch {
  /** The caller's tags of the frames, in the order of `add`. */
  readonly tags: readonly number[];
  /** Sequence i of each is frame i. */
  readonly tokens: EncodedFrames;
}

export interface FrameBatcherOptions extends FrameEncoding, BatchBudget {}

interface TaggedFrames extends EncodedFrames {
  readonly tags: readonly number[];
}

/**
 * Packs frames into batches: each holds, in the order of arrival, as many frames as fit both budgets; a frame that
 * exceeds a budget gets a batch of its own. Batches depend only on the frames, their order and the calls of `flush`.
 */
export class FrameBatcher {
  readonly #options: FrameBatcherOptions;
  readonly #open: OpenBatch<TaggedFrames>;
  #tags: number[] = [];
  #frames: FrameLetters[] = [];
  #bases = 0;

  /** @throws VirnucproError VNP_ARGUMENT */
  constructor(options: FrameBatcherOptions) {
    this.#options = options;
    this.#open = new OpenBatch(options);
  }

  /**
   * @param tag the caller's name for the frame, returned with its batch
   * @param frame kept by reference until it is in a batch
   * @returns the batches that are now complete, usually none
   */
  add(tag: number, frame: FrameLetters): readonly FrameBatch[] {
    this.#tags.push(tag);
    this.#frames.push(frame);
    this.#bases += frame.nucleotide.length;
    return this.#bases < TOKENIZED_AT_ONCE ? NONE : this.#pack();
  }

  /** @returns batches of all remaining frames; the batcher stays usable */
  flush(): readonly FrameBatch[] {
    const batches = [...this.#pack()];
    if (!this.#open.isEmpty) batches.push(this.#close());
    return batches;
  }

  #encode(): TaggedFrames {
    const encoded = { tags: this.#tags, ...encodeFrames(this.#frames, this.#options) };
    this.#tags = [];
    this.#frames = [];
    this.#bases = 0;
    return encoded;
  }

  #pack(): readonly FrameBatch[] {
    if (this.#tags.length === 0) return NONE;
    const frames = this.#encode();
    const batches: FrameBatch[] = [];
    for (let index = 0; index < frames.tags.length; index++) {
      if (!this.#open.fits(frames, index)) batches.push(this.#close());
      this.#open.add(frames, index);
    }
    return batches;
  }

  #close(): FrameBatch {
    const { pieces, tokens } = this.#open.close();
    return { tags: pieces.flatMap(({ frames, first, last }) => frames.tags.slice(first, last)), tokens };
  }
}
