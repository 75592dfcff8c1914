import { FrameBatcher } from '../batches/frame-batcher.js';
import type { FrameBatcherOptions } from '../batches/frame-batcher.js';
import type { DevicePool } from '../engine/pool/pool.js';
import type { SequenceRecord } from '../input/record.js';
import type { RunJournal } from '../journal/run-journal.js';
import { openReadingFrames } from '../windows/open-reading-frames.js';
import { readWindows } from '../windows/windows.js';
import type { CallRule } from './calls.js';
import { ContigTally } from './contig-tally.js';
import { Dispatcher } from './dispatcher.js';
import { EventLoopTurns } from './event-loop-turns.js';
import { Ledger } from './ledger.js';
import { Reading } from './reading.js';
import type { PredictionResult } from './results.js';
import { steeredTogether } from './run-control.js';
import type { RunControl } from './run-control.js';
import type { BatchFailure, RunSummary } from './summary.js';
import { Triage } from './triage.js';
import type { TriageOptions } from './triage.js';
import type { WindowSink } from './window-stage.js';

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
function stagesOf(
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

/**
 * The whole way of the data: records, windows, frames, batches, scores, calls. Results leave in input order, in groups of
 * those that can leave at the same time; a group is to be read to its end before the next is asked for.
 * @throws what reading the records fails with, or why the run was stopped, after the results of those before
 */
export async function* predictRecords(
  records: AsyncIterable<SequenceRecord>,
  pool: DevicePool,
  options: PipelineOptions,
  stage: RunContext,
): AsyncGenerator<Iterable<PredictionResult>> {
  const { summary, control } = stage;
  const ledger = new Ledger(options);
  const stages = stagesOf(pool, options, stage, ledger);
  const reading = new Reading(records, summary, control);
  const turns = new EventLoopTurns();
  const letGo = control.steer(steeredTogether(options.triage ? [pool, options.triage.pool] : [pool]));
  let entered = 0;
  let unentered: SequenceRecord | undefined;
  async function* leaving(): AsyncGenerator<Iterable<PredictionResult>> {
    entered = 0;
    while (ledger.hasSettled) {
      yield summary.leaving(ledger.settled(RESULTS_AT_ONCE));
      if (turns.isOver) await turns.wait();
    }
  }
  async function* entering(): AsyncGenerator<Iterable<PredictionResult>> {
    for await (const record of reading.records()) {
      unentered = record;
      summary.enterRecord(record);
      const tally = new ContigTally();
      for (const window of record.problem ? [] : readWindows(record, options.chunkSize)) {
        const kept = openReadingFrames(window.letters);
        summary.enterWindow(window.start + window.letters.length, kept.length);
        const sending = stages.addWindow(ledger.enterWindow(record, tally, window, kept), kept);
        if (sending) await sending;
        if (turns.isOver) await turns.wait();
        if (++entered >= ENTERED_BEFORE_LEAVING) yield* leaving();
      }
      ledger.enterContig(record, tally);
      unentered = undefined;
      if (++entered >= ENTERED_BEFORE_LEAVING) yield* leaving();
    }
    await stages.flush(!reading.hasFailed);
  }
  try {
    try {
      yield* entering();
    } catch (error) {
      if (error !== control.stopped) throw error;
    }
    await stages.finished();
    yield* leaving();
    reading.throwFailure();
    if (control.stopped) throw control.stopped;
  } finally {
    summary.stopped = control.stopped ?? reading.failure;
    summary.endRecords();
    letGo();
    await stages.finished();
    ledger.release();
    unentered?.sequence.release();
  }
}
