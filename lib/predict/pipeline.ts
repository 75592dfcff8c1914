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
import { steeredTogether } from './run-control.js';
import type { RunControl } from './run-control.js';
import type { RunSummary } from './summary.js';
import { Triage } from './triage.js';
import type { TriageOptions } from './triage.js';

/** Windows and records after which results leave, and results in a group: a step for each would cost too much. */
const ENTERED_BEFORE_LEAVING = 64;
const RESULTS_AT_ONCE = 256;

export interface PipelineOptions {
  /** Letters in a window. */
  readonly chunkSize: number;
  readonly batches: FrameBatcherOptions;
  readonly rule: CallRule;
  /** Whether window results carry their letters and frames. */
  readonly sequences: boolean;
  /** Of the scores; see `calibrated`. Default UNCALIBRATED. */
  readonly temperature?: number;
  /** Whether the scores of frames carry their embeddings. Default false. */
  readonly embeddings?: boolean;
  /** The name of the model on the pool. */
  readonly model: string;
  /** A model that decides the windows that it is sure of, before this one. It gives no embeddings. Default none. */
  readonly triage?: TriageOptions | undefined;
}

/** What a run is watched and steered by. */
export interface RunContext {
  readonly summary: RunSummary;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  /** What failed in triage, and cost nothing but time. */
  readonly onTriageFailure?: (failure: BatchFailure) => void;
  /** Where every batch's scores are kept as they come, if anywhere. */
  readonly journal?: RunJournal | undefined;
}

/** Where windows go: to the models, or to triage and from there to the models. */
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
 * The whole way of the data: records, windows, frames, batches, scores, calls. Results leave in input order, in groups: an
 * asynchronous step for each result would cost more than the result. Call `advance`, and while it says true take what
 * `settled` gives; then, or to end early, `close`.
 */
export class Pipeline {
  readonly #reading: Reading;
  readonly #options: PipelineOptions;
  readonly #context: RunContext;
  readonly #ledger: Ledger;
  readonly #sink: WindowSink;
  readonly #turns = new EventLoopTurns();
  readonly #letGo: () => void;
  #open: OpenRecord | undefined;
  #isRead = false;

  constructor(records: AsyncIterable<SequenceRecord>, pool: DevicePool, options: PipelineOptions, context: RunContext) {
    const { summary, control } = context;
    this.#options = options;
    this.#context = context;
    this.#reading = new Reading(records, summary, control);
    this.#ledger = new Ledger(options);
    this.#sink = sinkOf(pool, options, context, this.#ledger);
    this.#letGo = control.steer(steeredTogether(options.triage ? [pool, options.triage.pool] : [pool]));
  }

  /**
   * Reads on until results can leave.
   * @returns false when all have left
   * @throws what reading the records failed with, or why the run was stopped, after the results of the records before
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
   * The results that can leave now, oldest first. Take all of them before the next `advance`: a contig's sequence can be
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

  /** Ends the run, wherever it is: what is on the devices is waited for, and everything is given back. */
  async close(): Promise<void> {
    const { summary, control } = this.#context;
    try {
      await this.#reading.close();
    } finally {
      summary.stopped = control.stopped ?? this.#reading.failure;
      summary.endRecords();
      this.#letGo();
      await this.#sink.finished();
      this.#ledger.release();
      this.#open?.record.sequence.release();
    }
  }

  /** @returns whether results can leave; false when there is nothing more to read */
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

  /** Enters the record's next window, or its end. Where a promise comes back, the devices have no room at once. */
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
