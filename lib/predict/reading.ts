import { reasonOf, VirnucproError } from '../errors.js';
import type { SequenceRecord } from '../input/record.js';
import { unlessAborted } from '../unless-aborted.js';
import type { RunControl } from './run-control.js';
import type { MutableRunSummary } from './summary.js';

/**
 * The records of a run. If reading fails they end, and the failure is thrown only after the results of what was read
 * before. If the run is stopped they end too, whatever the input does.
 */
export class Reading {
  readonly #records: AsyncIterator<SequenceRecord>;
  readonly #summary: MutableRunSummary;
  readonly #control: RunControl;
  #failure: { readonly reason: unknown } | undefined;
  #isWaiting = false;

  constructor(records: AsyncIterable<SequenceRecord>, summary: MutableRunSummary, control: RunControl) {
    this.#records = records[Symbol.asyncIterator]();
    this.#summary = summary;
    this.#control = control;
  }

  /** Why reading failed, if it did: the failure itself or, if it is the caller's own, an error with it as the cause. */
  get failure(): VirnucproError | undefined {
    if (!this.#failure) return undefined;
    const { reason } = this.#failure;
    if (reason instanceof VirnucproError) return reason;
    const message = `The input could not be read to its end: ${reasonOf(reason)}`;
    return new VirnucproError('VNP_INPUT_MISSING', message, { cause: reason });
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws what reading failed with, if it did. */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.reason;
  }

  /** @returns undefined after the last record */
  async next(): Promise<SequenceRecord | undefined> {
    const { stopped, reading } = this.#control;
    if (stopped) return undefined;
    const coming = this.#records.next();
    this.#isWaiting = true;
    try {
      const next = await this.#summary.timed('reading', unlessAborted(coming, reading));
      return next.done ? undefined : next.value;
    } catch (reason) {
      if (!reading.aborted || reason !== reading.reason) this.#failure = { reason };
      // A record may still arrive.
      else coming.then(({ done, value }) => done || value.sequence.release()).catch(() => undefined);
      return undefined;
    } finally {
      this.#isWaiting = false;
    }
  }

  async close(): Promise<void> {
    // An input may pause indefinitely.
    if (this.#isWaiting) this.#control.endReading();
    const closing = this.#records.return?.();
    if (this.#control.reading.aborted) closing?.catch(() => undefined);
    else await closing;
  }
}
