import type { Orf } from '../windows/open-reading-frames.js';

/** What windows go into, in input order, to be scored. */
export interface WindowSink {
  /**
   * Adds the frames of a window, the first with this tag of the ledger, the others with those that follow. Where a promise
   * comes back, await it before the next window.
   * @throws why the run was stopped
   */
  addWindow(firstTag: number, frames: readonly Orf[]): Promise<void> | undefined;
  /**
   * Sends what waits for more frames. Resolves when devices have taken it, which is a while after where the run is paused.
   * @param isWhole whether a run over the same input always makes this batch: not where the input broke off. Default true
   * @throws why the run was stopped
   */
  flush(isWhole?: boolean): Promise<void>;
  /** Resolves when every batch that was sent is back. */
  finished(): Promise<void>;
}
