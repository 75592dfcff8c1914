import { FrameBatcher } from '../batches/frame-batcher.js';
import type { FrameBatch, FrameBatcherOptions } from '../batches/frame-batcher.js';
import type { BatchResult } from '../engine/addon.js';
import type { DevicePool } from '../engine/pool.js';
import { VirnucproError } from '../errors.js';
import type { SequenceRecord } from '../input/record.js';
import { keptFrames } from '../windows/kept-frames.js';
import { readWindows } from '../windows/read-windows.js';
import type { CallRule } from './calls.js';
import { ContigTally } from './contig-tally.js';
import { EventLoopTurns } from './event-loop-turns.js';
import { Ledger } from './ledger.js';
import type { PredictionResult } from './results.js';
import type { FailedPart, RunSummary } from './summary.js';

/**
 * Windows between two batches. A batch that waits for more frames holds up the results behind it; where hardly any
 * window has a frame it is sent half full after this many, so that what is on its way stays bounded.
 */
const WINDOWS_A_BATCH = 20_000;

/** Windows and records after which results leave, and results that leave at once: a step for each would cost too much. */
const ENTERED_BEFORE_LEAVING = 64;
const RESULTS_AT_ONCE = 256;

export interface PipelineOptions {
  /** Letters a window. */
  readonly chunkSize: number;
  readonly batches: FrameBatcherOptions;
  readonly rule: CallRule;
  /** Whether window results carry their letters and frames. */
  readonly sequences: boolean;
}

/**
 * The whole way of the data: records, windows, frames, batches, scores, calls. Results leave in input order, in groups of
 * those that can leave at the same time; a group is to be read to its end before the next is asked for.
 * @throws what reading the records fails with, after the results of those before
 */
export async function* predictRecords(
  records: AsyncIterable<SequenceRecord>,
  pool: DevicePool,
  options: PipelineOptions,
  summary: RunSummary,
): AsyncGenerator<Iterable<PredictionResult>> {
  const ledger = new Ledger(options.rule, options.sequences);
  const batcher = new FrameBatcher(options.batches);
  const dispatcher = new Dispatcher(pool, ledger, summary);
  const reading = new Reading(records, summary);
  const turns = new EventLoopTurns();
  let windowsSinceBatch = 0;
  let entered = 0;
  let unentered: SequenceRecord | undefined;
  async function* leaving(): AsyncGenerator<Iterable<PredictionResult>> {
    entered = 0;
    while (ledger.hasSettled) {
      yield summary.leaving(ledger.settled(RESULTS_AT_ONCE));
      if (turns.isOver) await turns.wait();
    }
  }
  try {
    for await (const record of reading.records()) {
      unentered = record;
      summary.enterRecord(record);
      const tally = new ContigTally();
      for (const window of readWindows(record, options.chunkSize)) {
        const kept = keptFrames(window.letters);
        summary.enterWindow(window.start + window.letters.length, kept.length);
        let tag = ledger.enterWindow(record, tally, window, kept);
        for (const frame of kept) {
          for (const batch of batcher.add(tag++, frame)) {
            windowsSinceBatch = 0;
            await dispatcher.send(batch);
          }
        }
        if (++windowsSinceBatch >= WINDOWS_A_BATCH) {
          windowsSinceBatch = 0;
          for (const batch of batcher.flush()) await dispatcher.send(batch);
        }
        if (turns.isOver) await turns.wait();
        if (++entered >= ENTERED_BEFORE_LEAVING) yield* leaving();
      }
      ledger.enterContig(record, tally);
      unentered = undefined;
      if (++entered >= ENTERED_BEFORE_LEAVING) yield* leaving();
    }
    for (const batch of batcher.flush()) await dispatcher.send(batch);
    await dispatcher.finished();
    yield* leaving();
    reading.throwFailure();
  } finally {
    await dispatcher.finished();
    ledger.release();
    unentered?.sequence.release();
  }
}

/** Where reading fails the records end, so that what was read before comes to its results; the failure is thrown then. */
class Reading {
  readonly #records: AsyncIterable<SequenceRecord>;
  readonly #summary: RunSummary;
  #failure: { readonly reason: unknown } | undefined;

  constructor(records: AsyncIterable<SequenceRecord>, summary: RunSummary) {
    this.#records = records;
    this.#summary = summary;
  }

  async *records(): AsyncGenerator<SequenceRecord> {
    const iterator = this.#records[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#next(iterator);
        if (!next || next.done) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  throwFailure(): void {
    if (this.#failure) throw this.#failure.reason;
  }

  async #next(iterator: AsyncIterator<SequenceRecord>): Promise<IteratorResult<SequenceRecord> | undefined> {
    try {
      return await this.#summary.timed('reading', iterator.next());
    } catch (reason) {
      this.#failure = { reason };
      return undefined;
    }
  }
}

/** Sends batches to the devices and enters what comes back into the ledger. */
class Dispatcher {
  readonly #pool: DevicePool;
  readonly #ledger: Ledger;
  readonly #summary: RunSummary;
  readonly #running = new Set<Promise<void>>();

  constructor(pool: DevicePool, ledger: Ledger, summary: RunSummary) {
    this.#pool = pool;
    this.#ledger = ledger;
    this.#summary = summary;
  }

  /** Waits until a device has room for the batch. */
  async send(batch: FrameBatch): Promise<void> {
    const { result } = await this.#summary.timed('waiting', this.#pool.submit(batch.tokens));
    const settling = result
      .then(
        (scores) => this.#settle(batch, scores),
        (error: unknown) => this.#fail(batch, error),
      )
      .finally(() => this.#running.delete(settling));
    this.#running.add(settling);
  }

  async finished(): Promise<void> {
    await this.#summary.timed('waiting', Promise.all(this.#running));
  }

  #settle(batch: FrameBatch, result: BatchResult): void {
    const reason = 'the model gave no number; a precision of more range, such as fp32, may help';
    for (const [part, { frames, sources }] of this.#ledger.settleScores(batch, result)) {
      this.#summary.failures.push({ part, code: 'VNP_NATIVE', reason, frames, sources: [...sources] });
    }
  }

  #fail(batch: FrameBatch, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof VirnucproError ? error.code : 'VNP_NATIVE';
    const { frames, sources } = this.#ledger.settleFailure(batch, reason);
    this.#summary.failures.push({ part: failedPart(error), code, reason, frames, sources: [...sources] });
  }
}

function failedPart(error: unknown): FailedPart {
  const part = error instanceof Error && (error.cause as { part?: string } | undefined)?.part;
  return part === 'dna' || part === 'protein' ? part : 'batch';
}
