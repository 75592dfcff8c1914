import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PoolShare } from '../engine/pool/pool-share.js';
import type { SequenceRecord } from '../input/record.js';
import type { RunJournal } from '../journal/run-journal.js';
import type { CallRule } from '../scoring/calls.js';
import { ContigTally } from '../scoring/contig-tally.js';
import type { StoredResult } from '../scoring/results.js';
import { openReadingFrames } from '../windows/open-reading-frames.js';
import { readWindows } from '../windows/windows.js';
import type { SequenceWindow } from '../windows/windows.js';
import type { BatchFailure } from './batch-failures.js';
import { Ledger } from './ledger.js';
import { openSink } from './open-sink.js';
import type { FrameRoute } from './open-sink.js';
import { Reading } from './reading.js';
import type { RunControl } from './run-control.js';
import type { MutableRunSummary } from './summary.js';
import { Triage } from './triage.js';
import type { TriageOptions } from './triage.js';
import type { WindowSink } from './window-sink.js';

/** Windows and ends of records that are entered before results are looked for: to look after each is too slow. */
const ENTRIES_BETWEEN_GROUPS = 64;
const MAX_GROUP_RESULTS = 256;
/** Milliseconds of work before everything else gets a turn: results from devices, signals, progress output. */
const MAX_TURN = 10;

/** `batches` and `shared` are the route to the run's model. */
export interface PipelineOptions extends Omit<FrameRoute, 'share'> {
  /** Letters in a window. */
  readonly chunkSize: number;
  readonly rule: CallRule;
  /** Whether window results carry their letters and ORFs. */
  readonly sequences: boolean;
  /** Temperature of the scores; see `calibrated`. Default UNCALIBRATED. */
  readonly temperature?: number;
  /** Whether frame scores carry their embeddings. Default false. */
  readonly embeddings?: boolean;
  /** Name of the model. */
  readonly model: string;
  /** A model that first decides the windows it is sure of. It gives no embeddings. Default none. */
  readonly triage?: TriageOptions | undefined;
}

/** What a run is watched and controlled by. */
export interface RunContext {
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  /** Called with what failed in triage, which cost nothing but time. */
  readonly onTriageFailure?: (failure: BatchFailure) => void;
  /** Keeps every batch's scores as they arrive, if given. */
  readonly journal?: RunJournal | undefined;
}

/** Where windows go: to the run's model, or to triage first. */
function sinkOf(share: PoolShare, options: PipelineOptions, context: RunContext, ledger: Ledger): WindowSink {
  const { embeddings = false, triage } = options;
  const { summary, control, journal, onFailure, onTriageFailure = () => undefined } = context;
  const sinkOptions = { outcomes: ledger, counts: summary, summary, control, embeddings, onFailure };
  const models = openSink({ ...options, share }, sinkOptions, journal?.models);
  if (!triage) return models;
  const journaled = journal?.triage;
  return new Triage(triage, { ledger, models, summary, control, journal: journaled, onFailure: onTriageFailure });
}

/** A record whose windows are being entered. */
interface OpenRecord {
  readonly record: SequenceRecord;
  readonly tally: ContigTally;
  readonly windows: Iterator<SequenceWindow, void>;
}

const NO_WINDOWS: readonly SequenceWindow[] = [];

/** The whole path of the data: records, windows, frames, batches, scores, calls. */
export class Pipeline {
  readonly #reading: Reading;
  readonly #options: PipelineOptions;
  readonly #context: RunContext;
  readonly #ledger: Ledger;
  readonly #sink: WindowSink;
  readonly #detach: () => void;
  #open: OpenRecord | undefined;
  /** The next record, while it is awaited. */
  #coming: Promise<OpenRecord | undefined> | undefined;
  #turnStart = performance.now();

  constructor(records: AsyncIterable<SequenceRecord>, share: PoolShare, options: PipelineOptions, context: RunContext) {
    const { summary, control } = context;
    this.#options = options;
    this.#context = context;
    this.#reading = new Reading(records, summary, control);
    this.#ledger = new Ledger(options);
    this.#sink = sinkOf(share, options, context, this.#ledger);
    this.#detach = control.attach(this.#sink);
  }

  /**
   * All results in input order, once. They come in groups, because an asynchronous step for each would cost more than
   * the result itself. Take all of a group before the next: a contig's sequence can be read until the next result is
   * asked for. Leaving early waits for what is on the devices, and releases everything.
   * @throws why reading failed or the run was stopped, after the results of the preceding records; VNP_CLOSED once the
   *   models are closed
   */
  async *groups(): AsyncGenerator<Iterable<StoredResult>> {
    const { control } = this.#context;
    try {
      while (await this.#readOn()) yield* this.#readyGroups();
      await this.#sink.finished();
      yield* this.#readyGroups();
      this.#reading.throwFailure();
      control.throwIfStopped();
    } finally {
      await this.#close();
    }
  }

  async *#readyGroups(): AsyncGenerator<Iterable<StoredResult>> {
    while (this.#ledger.hasResult()) {
      yield this.#group();
      if (this.#isTurnOver) await this.#endTurn();
    }
  }

  /** The results that are ready, oldest first. */
  *#group(): Generator<StoredResult> {
    const { summary, control } = this.#context;
    for (let left = MAX_GROUP_RESULTS; left > 0; left--) {
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

  async #close(): Promise<void> {
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
      this.#coming?.then(
        (open) => open?.record.sequence.release(),
        () => undefined,
      );
    }
  }

  get #isTurnOver(): boolean {
    return performance.now() - this.#turnStart > MAX_TURN;
  }

  /** Resolves when everything else that was ready has had its turn. */
  async #endTurn(): Promise<void> {
    await nextTurn();
    this.#turnStart = performance.now();
  }

  /** Reads until results are ready. @returns false when there is nothing more to read */
  async #readOn(): Promise<boolean> {
    try {
      for (let entries = 1; ; entries++) {
        if (!this.#open && !(await this.#recordComesFirst())) return true;
        if (!this.#open) break;
        const sending = this.#enterNext(this.#open);
        if (sending) await sending;
        if (this.#isTurnOver) await this.#endTurn();
        if (entries % ENTRIES_BETWEEN_GROUPS === 0 && this.#ledger.hasResult()) return true;
      }
      await this.#sink.flush(!this.#reading.hasFailed);
    } catch (error) {
      const { stopped, ended } = this.#context.control;
      if (!stopped || error !== ended.reason) throw error;
    }
    return false;
  }

  /** Opens the next record, if there is one. @returns false when results are ready before it comes */
  async #recordComesFirst(): Promise<boolean> {
    const coming = (this.#coming ??= this.#nextRecord());
    const isFirst = await new Promise<boolean>((resolve, reject) => {
      const yieldResults = (): void => resolve(false);
      // A record that is at hand comes before the event loop turns.
      const turn = this.#ledger.hasResult() ? setImmediate(yieldResults) : undefined;
      this.#ledger.onReady = yieldResults;
      coming.then(() => {
        clearImmediate(turn);
        this.#ledger.onReady = undefined;
        resolve(true);
      }, reject);
    });
    if (!isFirst) return false;
    this.#open = await coming;
    this.#coming = undefined;
    return true;
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
      this.#ledger.endRecord(record, tally);
      this.#open = undefined;
      return undefined;
    }
    const orfs = openReadingFrames(window.letters);
    this.#context.summary.enterWindow(window.start + window.letters.length, orfs.length);
    return this.#sink.addWindow(this.#ledger.enterWindow(record, tally, window, orfs), orfs);
  }
}
