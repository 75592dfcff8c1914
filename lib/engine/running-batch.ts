import type { FrameBatchTokens, NativeProgress } from './addon.js';

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
export interface WatchedTask {
  readonly frames: number;
  readonly tokens: FrameBatchTokens;
}

/** Watches the oldest batch of a worker, from the moment at which it became the oldest. */
export class BatchWatch {
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
