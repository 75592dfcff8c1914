import { FrameBatcher } from '../batches/frame-batcher.js';
import type { FrameBatcherOptions } from '../batches/frame-batcher.js';
import type { DevicePool } from '../engine/pool/pool.js';
import type { SequenceRecord } from '../input/record.js';
import type { RunJournal } from '../journal/run-journal.js';
import type { CallRule } from '../scoring/calls.js';
import { ContigTally } from '../scoring/contig-tally.js';
import type { PredictionResult } from '../scoring/results.js';
import { openReadingFrames } from '../windows/open-reading-frames.js';
import { readWindows } from '../windows/windows.js';
import type { SequenceWindow } from '../windows/windows.js';
import type { BatchFailure } from './batch-failures.js';
import { Dispatcher } from './dispatcher.js';
import type { WindowSink } from './dispatcher.js';
import { EventLoopTurns } from './event-loop-turns.js';
import { Ledger } from './ledger.js';
import { Reading } from './reading.js';
import { asOnePool } from './run-control.js';
import type { RunControl } from './run-control.js';
import type { RunSummary } from './summary.js';
import { Triage } from './triage.js';
import type { TriageOptions } from './triage.js';

/** Windows and records between groups of results, and maximum results in a group: a step for each is too slow. */
const ENTERED_BEFORE_LEAVING = 64;
const RESULTS_AT_ONCE = 256;

export interface PipelineOptions {
  /** Letters in a window. */
  readonly chunkSize: number;
  readonly batches: FrameBatcherOptions;
  readonly rule: CallRule;
  /** Whether window results carry their letters and ORFs. */
  readonly sequences: boolean;
  /** Temperature of the scores; see `calibrated`. Default UNCALIBRATED. */
  readonly temperature?: number;
  /** Whether frame scores carry their embeddings. Default false. */
  readonly embeddings?: boolean;
  /** Name of the pool's model. */
  readonly model: string;
  /** A model that first decides the windows it is sure of. It gives no embeddings. Default none. */
  readonly triage?: TriageOptions | undefined;
}

/** What a run is watched and controlled by. */
export interface RunContext {
  readonly summary: RunSummary;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  /** Called with what failed in triage, which cost nothing but time. */
  readonly onTriageFailure?: (failure: BatchFailure) => void;
  /** Keeps every batch's scores as they arrive, if given. */
  readonly journal?: RunJournal | undefined;
}

/** Where windows go: to the run's model, or to triage first. */
function sinkOf(
  pool: DevicePool,
  { batches, embeddings = false, triage }: PipelineOptions,
  { summary, control, journal, onFailure, onTriageFailure = () => undefined }: RunContext,
  ledger: Ledger,
): WindowSink {
  const batcher = new FrameBatcher(batches);
  const own = { scores: ledger, counts: summary, onFailure, journal: journal?.models };
  const models = new Dispatcher(pool, { ...own, batcher, summary, control, embeddings });
  if (!triage) return models;
  const before = { onFailure: onTriageFailure, journal: journal?.triage };
  return new Triage(triage, { ...before, ledger, models, summary, control });
}

/** A record whose windows are being entered. */
interface OpenRecord {
  readonly record: SequenceRecord;
  readonly tally: ContigTally;
  readonly windows: Iterator<SequenceWindow, void>;
}

const NO_WINDOWS: readonly SequenceWindow[] = [];

/**
 * The whole path of the data: records, windows, frames, batches, scores, calls. Results are yielded in input order and
 * in groups, because an asynchronous step for each would cost more than the result itself. Call `advance`; while it
 * returns true, take what `settled` yields. Then, or to end early, call `close`.
 */
export class Pipeline {
  readonly #reading: Reading;
  readonly #options: PipelineOptions;
  readonly #context: RunContext;
  readonly #ledger: Ledger;
  readonly #sink: WindowSink;
  readonly #turns = new EventLoopTurns();
  readonly #detach: () => void;
  #open: OpenRecord | undefined;
  #isRead = false;

  constructor(records: AsyncIterable<SequenceRecord>, pool: DevicePool, options: PipelineOptions, context: RunContext) {
    const { summary, control } = context;
    this.#options = options;
    this.#context = context;
    this.#reading = new Reading(records, summary, control);
    this.#ledger = new Ledger(options);
    this.#sink = sinkOf(pool, options, context, this.#ledger);
    this.#detach = control.attach(asOnePool(options.triage ? [pool, options.triage.pool] : [pool]));
  }

  /**
   * Reads on until results are ready.
   * @returns false when all have been yielded
   * @throws why reading failed or the run was stopped, after the results of the preceding records
   */
  async advance(): Promise<boolean> {
    const { control } = this.#context;
    if (this.#turns.isOver) await this.#turns.wait();
    if (this.#ledger.hasSettled()) return true;
    if (!this.#isRead) {
      if (await this.#readOn()) return true;
      this.#isRead = true;
      await this.#sink.finished();
      if (this.#ledger.hasSettled()) return true;
    }
    this.#reading.throwFailure();
    if (control.stopped) throw control.stopped;
    return false;
  }

  /**
   * The results that are ready, oldest first. Take all of them before the next `advance`: a contig's sequence can be
   * read until the next result is asked for.
   * @throws VNP_CLOSED once the models are closed
   */
  *settled(): Generator<PredictionResult> {
    const { summary, control } = this.#context;
    for (let left = RESULTS_AT_ONCE; left > 0; left--) {
      control.throwIfClosed();
      const result = this.#ledger.next();
      if (!result) return;
      summary.countResult(result);
      try {
        yield result;
      } finally {
        if (result.kind === 'contig') result.sequence.release();
      }
    }
  }

  /** Ends the run at any point: waits for what is on the devices, and releases everything. */
  async close(): Promise<void> {
    const { summary, control } = this.#context;
    try {
      await this.#reading.close();
    } finally {
      summary.stopped = control.stopped ?? this.#reading.failure;
      summary.endRecords();
      this.#detach();
      await this.#sink.finished();
      this.#ledger.release();
      this.#open?.record.sequence.release();
    }
  }

  /** @returns whether results are ready; false when there is nothing more to read */
  async #readOn(): Promise<boolean> {
    try {
      for (let entered = 1; ; entered++) {
        this.#open ??= await this.#nextRecord();
        if (!this.#open) break;
        const sending = this.#enterNext(this.#open);
        if (sending) await sending;
        if (this.#turns.isOver) await this.#turns.wait();
        if (entered % ENTERED_BEFORE_LEAVING === 0 && this.#ledger.hasSettled()) return true;
      }
      await this.#sink.flush(!this.#reading.hasFailed);
    } catch (error) {
      if (error !== this.#context.control.stopped) throw error;
    }
    return false;
  }

  async #nextRecord(): Promise<OpenRecord | undefined> {
    const record = await this.#reading.next();
    if (!record) return undefined;
    this.#context.summary.enterRecord(record);
    const windows = record.problem ? NO_WINDOWS : readWindows(record, this.#options.chunkSize);
    return { record, tally: new ContigTally(), windows: windows[Symbol.iterator]() };
  }

  /** Enters the record's next window, or its end. Returns a promise if the devices have no room yet. */
  #enterNext({ record, tally, windows }: OpenRecord): Promise<void> | undefined {
    const { done, value: window } = windows.next();
    if (done) {
      this.#ledger.enterContig(record, tally);
      this.#open = undefined;
      return undefined;
    }
    const orfs = openReadingFrames(window.letters);
    this.#context.summary.enterWindow(window.start + window.letters.length, orfs.length);
    return this.#sink.addWindow(this.#ledger.enterWindow(record, tally, window, orfs), orfs);
  }
}
