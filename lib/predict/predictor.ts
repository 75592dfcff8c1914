import type { BatchTokens } from '../engine/devices/worker-plan.js';
import type { WorkerDescription } from '../engine/pool/worker-usage.js';
import { expected, VirnucproError } from '../errors.js';
import { flattened } from '../input/flattened.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import type { TriageRule } from '../scoring/calls.js';
import type { PredictionResult } from '../scoring/results.js';
import { openModels, poolsOf } from './open-models.js';
import type { OpenedModels } from './open-models.js';
import { checkPlanHandlers, resolveResultSettings, resolveRunHandlers } from './options.js';
import type { OpenHandlers, OpenOptions, PredictOptions, RunHandlers } from './options.js';
import { checkEmbeddings, inputPaths } from './plan.js';
import type { ModelPlan, PlannedOnDevices, RunPlan } from './plan.js';
import { Run } from './run.js';
import type { RunOptions } from './run.js';
import type { RunStatus } from './run-status.js';
import type { RunSummary } from './summary.js';

/**
 * One run over some inputs. Iterate it once; other runs may be in progress. `summary` is always up to date, and final
 * afterwards.
 */
export interface Prediction extends AsyncIterable<PredictionResult> {
  /** What the run has done so far; final after the iteration. */
  readonly summary: RunSummary;
  /**
   * Everything that decides its results. Checks the inputs first, unless `predict` was given a plan.
   * @throws VirnucproError VNP_INPUT_MISSING, VNP_INPUT_FORMAT; VNP_ABORTED
   */
  plan(): Promise<PlannedOnDevices<RunPlan>>;
  /** How long loading the model took. */
  readonly loadSeconds: number;
  /** Scores are softmax(logits / temperature): 1 unless they are calibrated. */
  readonly temperature: number;
  /** How far the run is, and what every device is doing. */
  status(): RunStatus;
  /** Emits at once the events that are otherwise emitted at the progress interval. */
  emitProgress(): void;
  /** The devices finish what they are computing; nothing else starts until `resume`. */
  pause(): void;
  /** Ends the pause. */
  resume(): void;
}

/** The triage of a predictor. */
export interface TriageInUse extends TriageRule {
  /** The model that reads every window first. */
  readonly model: OpenedModel;
}

/** A model, loaded on its devices. Several may be open in one process; each makes any number of runs at once. */
export class Predictor {
  /** What was loaded. */
  readonly model: OpenedModel;
  readonly #opened: OpenedModels;
  readonly #runs = new Set<Run>();
  #isMeasuring = false;
  #closed = false;

  private constructor(opened: OpenedModels) {
    this.model = opened.model;
    this.#opened = opened;
  }

  /** @internal use `open` */
  static async open(given: OpenOptions | ModelPlan, handlers?: OpenHandlers): Promise<Predictor> {
    return new Predictor(await openModels(given, handlers));
  }

  /** The model that reads every window first, if any, and the calibrated scores at which it decides. */
  get triage(): TriageInUse | undefined {
    const { triage } = this.#opened;
    return triage && { ...triage.rule, model: triage.model };
  }

  /** Every worker that the model was loaded on, then those of triage. */
  get devices(): readonly WorkerDescription[] {
    return poolsOf(this.#opened).flatMap(({ descriptions }) => descriptions);
  }

  /** Maximum tokens in a batch of each language model. */
  get batchTokens(): BatchTokens {
    return this.#opened.plan.devices.batchTokens;
  }

  /**
   * Predicts every record of the inputs: paths of FASTA or FASTQ files, compressed or not, directories of them, or `-`.
   * A plan made for this model takes the place of the inputs and of all options except RunHandlers. Results come in
   * input order: the windows of a record, then the record. Breaking out of the loop ends the run. Results are yielded
   * only as records come in, and at the end: while a pipe pauses, even finished results wait.
   *
   * @throws VirnucproError VNP_ARGUMENT, VNP_CLOSED, VNP_BUSY during `measureLimits` at once; while iterating
   *   VNP_INPUT_MISSING and VNP_INPUT_FORMAT, before anything is computed if an input's beginning shows it, else after
   *   the results of the preceding records; and after the results so far VNP_ABORTED (see PredictOptions.signal),
   *   VNP_DEVICE_LOST when the last device stopped answering, VNP_SYSTEMIC when three batches in a row had no score at
   *   all, VNP_OUTPUT and VNP_OUTPUT_LOST when the journal cannot be written or was removed
   */
  predict(given: string | readonly string[] | RunPlan, options: PredictOptions = {}): Prediction {
    this.#checkReady();
    const run = new Run(this.#opened, isPlan(given) ? this.#byPlan(given, options) : this.#byOptions(given, options));
    const results = flattened(this.#resultsOf(run));
    return {
      summary: run.summary,
      plan: () => run.plan(),
      loadSeconds: this.#opened.seconds,
      temperature: run.temperature,
      status: () => run.monitor.status(),
      emitProgress: () => run.monitor.emitProgress(),
      pause: () => run.control.pause(),
      resume: () => run.control.resume(),
      [Symbol.asyncIterator]: () => results,
    };
  }

  #byOptions(given: string | readonly string[], options: PredictOptions): RunOptions {
    const results = resolveResultSettings(options);
    checkEmbeddings(this.#opened.plan, results);
    return { inputs: inputPaths(given, 'predict'), results, handlers: resolveRunHandlers(options) };
  }

  #byPlan(given: RunPlan, options: RunHandlers): RunOptions {
    checkPlanHandlers('predict', options);
    checkSameModels(this.#opened.plan, given);
    const { inputs, results, journal } = given;
    const handlers = resolveRunHandlers({ ...(journal !== undefined && { journal }), ...options });
    return { inputs, results, handlers, plan: { ...given, ...this.#opened.plan } };
  }

  /** The run takes part from the first result until the last, or until the caller leaves. */
  async *#resultsOf(run: Run): AsyncGenerator<Iterable<PredictionResult>> {
    this.#checkReady();
    this.#runs.add(run);
    try {
      yield* run.groups();
    } finally {
      this.#runs.delete(run);
    }
  }

  /**
   * After a run: measures on every device how fast the models' linear layers alone are, and enters that as `limit` into
   * the devices of the run's summary. Takes up to a fiftieth of the run or about half a second, whichever is longer; if
   * that is too little, and with the TorchScript engine, there is no limit. See `matmulEfficiency`.
   * @throws VirnucproError VNP_CLOSED, VNP_BUSY while a run is in progress, VNP_MEMORY
   */
  async measureLimits(): Promise<void> {
    this.#checkReady();
    if (this.#runs.size > 0) throw busyError('A run is in progress. Measure when no run is');
    this.#isMeasuring = true;
    try {
      for (const pool of poolsOf(this.#opened)) await pool.measureLimits();
    } finally {
      this.#isMeasuring = false;
    }
  }

  /**
   * Frees the models and ends their threads, once the running batches are finished. Unfinished runs yield no more
   * results and throw VNP_CLOSED. Closing twice is harmless.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const run of this.#runs) run.control.close(closedError());
    await Promise.all(poolsOf(this.#opened).map((pool) => pool.close()));
  }

  #checkReady(): void {
    if (this.#closed) throw closedError();
    if (this.#isMeasuring) throw busyError('Its devices are being measured. Await that before the next run');
  }
}

function isPlan(given: string | readonly string[] | RunPlan): given is RunPlan {
  return Object.hasOwn(Object(given) as object, 'results');
}

/** @throws VirnucproError VNP_ARGUMENT */
function checkSameModels(opened: ModelPlan, wanted: ModelPlan): void {
  const names = ({ model, triage }: ModelPlan): string =>
    [model, ...(triage ? [triage.model] : [])].map(nameAndHash).join(' after ');
  if (names(opened) === names(wanted)) return;
  throw expected('VNP_ARGUMENT', `a plan for ${names(opened)}`, 'predict', `one for ${names(wanted)}`, 'Open that one');
}

function nameAndHash({ name, classifier }: OpenedModel): string {
  return `${name} (${classifier.sha256.slice(0, 12)})`;
}

function busyError(why: string): VirnucproError {
  return new VirnucproError('VNP_BUSY', `The predictor is busy. ${why}`);
}

function closedError(): VirnucproError {
  return new VirnucproError('VNP_CLOSED', 'The predictor is closed: open another one');
}
