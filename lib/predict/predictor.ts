import { isUint8Array } from 'node:util/types';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import type { WorkerDescription } from '../engine/pool/worker-usage.js';
import { expected, VirnucproError } from '../errors.js';
import type { InputRecord, InputRecords, MemoryLetters } from '../input/memory-records.js';
import { fileSource, memorySource, streamSource } from '../input/record-source.js';
import type { ByteStream } from '../input/record-source.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { isIterable } from '../option-checks.js';
import type { TriageRule } from '../scoring/calls.js';
import type { ContigResult, StoredResult, WindowResult } from '../scoring/results.js';
import { openModels, poolsOf } from './open-models.js';
import type { OpenedModels } from './open-models.js';
import {
  checkPlanHandlers,
  isByteStream,
  resolveResultSettings,
  resolveRunHandlers,
  resolveSourceOptions,
} from './resolve-options.js';
import type { OpenHandlers, OpenOptions, PredictOptions, RunHandlers, SourceOptions } from './options.js';
import { checkEmbeddings, inputPaths, isRunPlan } from './plan.js';
import type { ModelPlan, RunPlan } from './plan.js';
import { RunPrediction } from './prediction.js';
import type { Prediction } from './prediction.js';
import { Run } from './run.js';
import type { RunOptions } from './run.js';

/** The results of one record: its own and, in order, those of its windows. */
export interface SequencePrediction<R extends InputRecord = InputRecord> {
  /** The record's own. */
  readonly contig: ContigResult<R>;
  /** Those of its windows, in order; none if it is invalid or has no letters. */
  readonly windows: readonly WindowResult<R>[];
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
   * Predicts every record of an iterable: an array, a generator, a database cursor. Results carry the record itself as
   * `record`. Records are requested one by one, only as the devices have room and results are asked for; the iterable's
   * `return` is called if the run ends before it. What it throws is thrown, unchanged, after the results of the records
   * before. Results come in input order: the windows of a record, then the record. Breaking out of the loop ends the
   * run. Results are yielded as soon as they are ready, even while the next record is awaited: see
   * OpenOptions.maxDelay for how long a window waits for others to be computed with.
   *
   * A path, an array of paths or a plan, too, is accepted: `predictFiles` in short. An empty array has no records.
   *
   * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE for `embeddings` with triage, VNP_CLOSED, VNP_BUSY during
   *   `measureLimits` at once; while iterating VNP_ARGUMENT, with its index, for a record that is none; and after the
   *   results so far VNP_INPUT_LIMIT (see PredictOptions.maxInputBytes), VNP_DEVICE_LOST when the last device stopped
   *   answering, VNP_SYSTEMIC when three batches in a row had no score at all, VNP_OUTPUT and VNP_OUTPUT_LOST when the
   *   journal cannot be written or was removed; the signal's reason
   */
  predict<R extends InputRecord>(records: InputRecords<R>, options?: SourceOptions): Prediction<R>;
  predict(inputs: string | readonly string[] | RunPlan, options?: PredictOptions): Prediction<undefined>;
  predict<R extends InputRecord>(
    given: InputRecords<R> | string | readonly string[] | RunPlan,
    options: SourceOptions | PredictOptions = {},
  ): Prediction<R> | Prediction<undefined> {
    if (isFiles(given)) return this.predictFiles(given, options);
    if (!isIterable(given)) {
      throw expected('VNP_ARGUMENT', 'an iterable of records, paths or a plan', 'predict', typeof given);
    }
    const { source, ...decided } = this.#bySource(options, { call: 'predict', source: 'records' });
    return this.#start<R>({ source: memorySource(given, source), ...decided });
  }

  /**
   * Predicts every record of the inputs: paths of FASTA or FASTQ files, compressed or not, directories of them, or `-`.
   * A plan made for this model takes the place of the inputs and of all options except RunHandlers. Results are yielded
   * only as records come in, and at the end: while a pipe pauses, even finished results wait. Otherwise as `predict`.
   *
   * @throws VirnucproError what `predict` throws; while iterating VNP_INPUT_MISSING and VNP_INPUT_FORMAT, before
   *   anything is computed if an input's beginning shows it, else after the results of the preceding records
   */
  predictFiles(given: string | readonly string[] | RunPlan, options: PredictOptions = {}): Prediction<undefined> {
    return this.#start(isRunPlan(given) ? this.#byPlan(given, options) : this.#byOptions(given, options));
  }

  /**
   * Predicts every record of one stream of FASTA or FASTQ bytes, compressed or not: a request's body, a download, a
   * pipe. Bytes are requested only as the devices have room and results are asked for. Otherwise as `predict`.
   *
   * @throws VirnucproError what `predict` throws; while iterating VNP_INPUT_FORMAT, after the results of the preceding
   *   records; what the stream throws
   */
  predictStream(bytes: ByteStream, options: SourceOptions = {}): Prediction<undefined> {
    if (!isByteStream(bytes)) throw expected('VNP_ARGUMENT', 'a stream of bytes', 'predictStream', typeof bytes);
    const { source, ...decided } = this.#bySource(options, { call: 'predictStream', source: 'stream' });
    return this.#start({ source: streamSource(bytes, source), ...decided });
  }

  /**
   * Predicts one record, or a bare sequence, whose id is then `sequence`. What is no nucleotide sequence has the status
   * `invalid`; see InputRecord.
   *
   * @throws VirnucproError what iterating `predict` throws; the signal's reason
   */
  async predictOne<R extends InputRecord = InputRecord>(
    given: MemoryLetters | R,
    options: SourceOptions = {},
  ): Promise<SequencePrediction<R>> {
    const isBare = typeof given === 'string' || isUint8Array(given);
    const windows: WindowResult<R>[] = [];
    let contig: ContigResult<R> | undefined;
    for await (const result of this.predict([isBare ? ({ id: 'sequence', sequence: given } as R) : given], options)) {
      if (result.kind === 'window') windows.push(result);
      else contig = result;
    }
    return { contig: contig!, windows };
  }

  #start<R>(options: RunOptions): Prediction<R> {
    this.#checkReady();
    const run = new Run(this.#opened, options);
    return new RunPrediction<R>(run, this.#resultsOf(run), this.#opened.seconds);
  }

  #bySource(options: SourceOptions, defaults: Parameters<typeof resolveSourceOptions>[1]) {
    const decided = resolveSourceOptions(options, defaults);
    checkEmbeddings(this.#opened.plan, decided.results);
    return decided;
  }

  #byOptions(given: string | readonly string[], options: PredictOptions): RunOptions {
    const results = resolveResultSettings(options);
    checkEmbeddings(this.#opened.plan, results);
    return { source: fileSource(inputPaths(given, 'predictFiles')), results, handlers: resolveRunHandlers(options) };
  }

  #byPlan(given: RunPlan, options: RunHandlers): RunOptions {
    checkPlanHandlers('predict', options);
    checkSameModels(this.#opened.plan, given);
    const { inputs, results, journal } = given;
    const handlers = resolveRunHandlers({ ...(journal !== undefined && { journal }), ...options });
    return { source: fileSource(inputs), results, handlers, plan: { ...given, ...this.#opened.plan } };
  }

  /** The run takes part from the first result until the last, or until the caller leaves. */
  async *#resultsOf(run: Run): AsyncGenerator<Iterable<StoredResult>> {
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

  /** `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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

/** Whether these are paths or a plan. The first of several decides. */
function isFiles(given: unknown): given is string | readonly string[] | RunPlan {
  return typeof given === 'string' || isRunPlan(given) || (Array.isArray(given) && typeof given[0] === 'string');
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
