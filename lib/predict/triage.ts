import { reasonOf, VirnucproError } from '../errors.js';
import type { BatchRecords } from '../journal/run-journal.js';
import { triageDecides } from '../scoring/calls.js';
import type { TriageRule } from '../scoring/calls.js';
import { calibrated } from '../scoring/frame-scores.js';
import { decidingFrame } from '../scoring/window-result.js';
import type { Orf } from '../windows/open-reading-frames.js';
import type { BatchOutcome } from '../engine/pool/scoring-work.js';
import { unscoredFrames } from './batch-failures.js';
import type { BatchFailure } from './batch-failures.js';
import type { Ledger } from './ledger.js';
import { openSink } from './open-sink.js';
import type { FrameRoute } from './open-sink.js';
import type { RunControl } from './run-control.js';
import type { OutcomeSink, SettledBatch } from './settlement.js';
import type { MutableRunSummary } from './summary.js';
import type { WindowSink } from './window-sink.js';

/** The route is that to the triage model. */
export interface TriageOptions extends FrameRoute {
  readonly rule: TriageRule;
  /** Name of the triage model. */
  readonly model: string;
  /** Of the scores that the rule applies to, and of those in the results; see `calibrated`. */
  readonly temperature: { readonly rule: number; readonly results: number };
}

/** The run around triage. */
export interface TriageContext {
  readonly ledger: Ledger;
  /** Where windows go next, to be scored unless triage decided them. */
  readonly models: WindowSink;
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
  readonly onFailure: (failure: BatchFailure) => void;
  readonly journal: BatchRecords | undefined;
}

/** A window on its way through triage. */
interface TriagedWindow {
  readonly firstTag: number;
  readonly frames: readonly Orf[];
  /** Two for each frame, others and virus, as the classifier gives them. */
  readonly scores: number[];
  unsettled: number;
  /** Number of frames whose scores an earlier run computed. */
  journaled: number;
  hasFailed: boolean;
  isDecided: boolean;
}

/**
 * A small model before the run's model: it reads every window, decides those it is sure of, and passes on the others.
 * It also passes on what it could not score; a resumed run tries that again, so the batches of the run's model may then
 * differ.
 *
 * Windows are passed on in input order, whatever order its batches come back in, so that the batches of the run's model
 * are the same each time. Decided windows are passed on without frames, only to be counted, because a batch must not
 * wait for frames forever. Triage runs ahead by what is on its own devices. A run with batches of its own passes windows
 * on when others come in, or at the end; where batches are shared, also when triage has read them, so that they do not
 * wait for an input that pauses.
 */
export class Triage implements WindowSink, OutcomeSink {
  readonly #options: TriageOptions;
  readonly #context: TriageContext;
  readonly #reading: WindowSink;
  /** In input order, those not passed on yet. */
  readonly #windows = new Set<TriagedWindow>();
  /** By the tags of their unsettled frames. */
  readonly #byTag = new Map<number, TriagedWindow>();
  /** Windows are being passed on: others wait for that, and so stay in order. */
  #passing: Promise<void> | undefined;

  constructor(options: TriageOptions, context: TriageContext) {
    this.#options = options;
    this.#context = context;
    const { summary, control, onFailure, journal } = context;
    const missing = `triage scores from ${options.model}`;
    const sinkOptions = { outcomes: this, counts: summary.triage, summary, control, onFailure, missing };
    this.#reading = openSink(options, sinkOptions, journal);
  }

  addWindow(firstTag: number, frames: readonly Orf[]): Promise<void> | undefined {
    const scores = new Array<number>(2 * frames.length).fill(NaN);
    const counts = { unsettled: frames.length, journaled: 0, hasFailed: false, isDecided: false };
    const window: TriagedWindow = { firstTag, frames, scores, ...counts };
    this.#windows.add(window);
    for (let position = 0; position < frames.length; position++) this.#byTag.set(firstTag + position, window);
    const sending = this.#reading.addWindow(firstTag, frames);
    return sending ? sending.then(() => this.#passOn()) : this.#passOn();
  }

  setPaused(isPaused: boolean): void {
    for (const sink of [this.#reading, this.#context.models]) sink.setPaused(isPaused);
  }

  cancel(): void {
    for (const sink of [this.#reading, this.#context.models]) sink.cancel();
  }

  async flush(isWhole = true): Promise<void> {
    await this.#reading.flush(isWhole);
    await this.#reading.finished();
    await this.#passOn();
    await this.#context.models.flush(isWhole);
  }

  async finished(): Promise<void> {
    await this.#reading.finished();
    await this.#context.models.finished();
  }

  placeOf(tag: number): string {
    return this.#context.ledger.placeOf(tag);
  }

  settle({ tags }: SettledBatch, outcome: BatchOutcome, isJournaled: boolean): BatchFailure[] {
    const unscored = unscoredFrames(outcome);
    const { ledger } = this.#context;
    const tagsOf = (rows: readonly number[]): number[] => rows.map((row) => tags[row]!);
    const failures = unscored.map(({ rows, ...why }) => ledger.describeFailure(tagsOf(rows), why));
    const withoutScore = new Set(unscored.flatMap(({ rows }) => rows));
    tags.forEach((tag, row) => {
      const window = this.#byTag.get(tag)!;
      this.#byTag.delete(tag);
      const position = tag - window.firstTag;
      window.scores[2 * position] = outcome.scores[2 * row]!;
      window.scores[2 * position + 1] = outcome.scores[2 * row + 1]!;
      if (withoutScore.has(row)) window.hasFailed = true;
      if (isJournaled) window.journaled++;
      if (--window.unsettled === 0) this.#decide(window);
    });
    if (this.#options.shared) void this.#passOnNow();
    return failures;
  }

  #decide(window: TriagedWindow): void {
    const { rule, temperature, model } = this.#options;
    if (window.hasFailed) return;
    const deciding = decidingFrame(framesAt(window, temperature.rule))!;
    if (!triageDecides(deciding.virus, rule)) return;
    window.isDecided = true;
    const scores = framesAt(window, temperature.results).flatMap(({ others, virus }) => [others, virus]);
    this.#context.ledger.decide(window.firstTag, scores, model);
    this.#context.summary.enterTriaged(window.frames.length, window.journaled);
  }

  /** Passes on without anybody who waits for it. */
  async #passOnNow(): Promise<void> {
    try {
      await this.#passOn();
    } catch (error) {
      // Has no effect on a run that was stopped, the usual reason.
      const reason = error instanceof VirnucproError ? error : new VirnucproError('VNP_NATIVE', reasonOf(error));
      this.#context.control.stop(reason, error);
    }
  }

  /** Passes on the windows whose turn it is. Returns a promise if the run's model has no room yet. */
  #passOn(): Promise<void> | undefined {
    if (this.#passing) return this.#passing.then(() => this.#passOn());
    const sending = this.#passOnAll();
    if (!sending) return undefined;
    this.#passing = sending.finally(() => (this.#passing = undefined));
    return this.#passing;
  }

  #passOnAll(): Promise<void> | undefined {
    for (const window of this.#windows) {
      if (window.unsettled > 0) return undefined;
      this.#windows.delete(window);
      const sending = this.#context.models.addWindow(window.firstTag, window.isDecided ? [] : window.frames);
      if (sending) return sending.then(() => this.#passOnAll());
    }
    return undefined;
  }
}

/** The scores of a window's frames at this temperature. */
function framesAt({ frames, scores }: TriagedWindow, temperature: number) {
  return frames.map(({ name }, position) => {
    const [others, virus] = calibrated(scores[2 * position]!, scores[2 * position + 1]!, temperature);
    return { frame: name, others, virus };
  });
}
