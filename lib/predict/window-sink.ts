import type { Orf } from '../windows/open-reading-frames.js';
import type { ControlledWork } from './run-control.js';
import type { SettlementOptions } from './settlement.js';
import type { MutableRunSummary } from './summary.js';

/** Takes windows in input order, to be scored. */
export interface WindowSink extends ControlledWork {
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

export interface SinkOptions extends SettlementOptions {
  /** Adds up the time spent waiting. */
  readonly summary: Pick<MutableRunSummary, 'timed'>;
  /** Whether the frames' embeddings come with their scores. Default false. */
  readonly embeddings?: boolean;
}
