import { VirnucproError } from '../errors.js';
import type { SequenceRecord } from '../input/record.js';
import { unlessAborted } from '../unless-aborted.js';
import type { RunControl } from './run-control.js';
import type { RunSummary } from './summary.js';

/**
 * The records of a run. Where reading fails they end, so that what was read before comes to its results; the failure is
 * thrown then. Where the run is stopped they end too, whatever the input does.
 */
export class Reading {
  readonly #records: AsyncIterable<SequenceRecord>;
  readonly #summary: RunSummary;
  readonly #control: RunControl;
  #failure: { readonly reason: unknown } | undefined;

  /** What is wrong with the input, if reading failed because of it. */
  get failure(): VirnucproError | undefined {
    const reason = this.#failure?.reason;
    return reason instanceof VirnucproError ? reason : undefined;
  }

  constructor(records: AsyncIterable<SequenceRecord>, summary: RunSummary, control: RunControl) {
    this.#records = records;
    this.#summary = summary;
    this.#control = control;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  async *records(): AsyncGenerator<SequenceRecord> {
    const iterator = this.#records[Symbol.asyncIterator]();
    try {
      while (!this.#control.stopped) {
        const next = await this.#next(iterator);
        if (!next || next.done) return;
        yield next.value;
      }
    } finally {
      const closing = iterator.return?.();
      // A stopped run does not wait for an input that may pause for as long as it likes.
      if (this.#control.stopped) closing?.catch(() => undefined);
      else await closing;
    }
  }

  /** Throws what reading failed with, if it did. */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.reason;
  }

  async #next(iterator: AsyncIterator<SequenceRecord>): Promise<IteratorResult<SequenceRecord> | undefined> {
    const coming = iterator.next();
    try {
      return await this.#summary.timed('reading', unlessAborted(coming, this.#control.ended));
    } catch (reason) {
      if (reason !== this.#control.stopped) this.#failure = { reason };
      // It may have been on its way.
      else coming.then(({ done, value }) => done || value.sequence.release()).catch(() => undefined);
      return undefined;
    }
  }
}
