import type { FrameBatcherOptions } from '../batches/frame-batcher.js';
import { loadAddon } from '../engine/libtorch/load.js';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import type { DevicePool } from '../engine/pool/pool.js';
import type { WorkerDescription } from '../engine/pool/pool-worker.js';
import { expected, VirnucproError } from '../errors.js';
import { flattened } from '../input/flattened.js';
import { checkInputs } from '../input/input-files.js';
import { readRecords } from '../input/records.js';
import { RunJournal } from '../journal/run-journal.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { PROTEIN_TOKENS } from '../models/tokenizers.js';
import type { TriageRule } from '../scoring/calls.js';
import { temperatureOf } from '../scoring/frame-scores.js';
import type { PredictionResult } from '../scoring/results.js';
import type { BatchFailure } from './batch-failures.js';
import { openModels } from './open-models.js';
import type { LoadedModel, OpenedModels } from './open-models.js';
import { checkPlanHandlers, resolveResultSettings, resolveRunHandlers } from './options.js';
import type { OpenHandlers, OpenOptions, PredictOptions, ResultSettings, RunHandlers } from './options.js';
import { Pipeline } from './pipeline.js';
import type { PipelineOptions } from './pipeline.js';
import { packageVersion } from '../package.js';
import { runKey } from './run-key.js';
import { checkEmbeddings, inputPaths } from './plan.js';
import type { ModelPlan, PlannedOnDevices, RunPlan } from './plan.js';
import { RunControl } from './run-control.js';
import { RunMonitor } from './run-monitor.js';
import type { RunStatus } from './run-status.js';
import { MutableRunSummary } from './summary.js';
import type { RunSummary } from './summary.js';

/**
 * One run over some inputs. Iterate it once, before the predictor's next run; `summary` is always up to date, and final
 * afterwards.
 */
export interface Prediction extends AsyncIterable<PredictionResult> {
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
  resume(): void;
}

/** The state of one run. */
interface Run {
  readonly inputs: readonly string[];
  readonly results: ResultSettings;
  readonly handlers: ReturnType<typeof resolveRunHandlers>;
  readonly summary: MutableRunSummary;
  readonly control: RunControl;
  /** Set when first asked for, unless it was given. */
  plan: Promise<PlannedOnDevices<RunPlan>> | undefined;
  /** Set when the first result or status is asked for. */
  monitor: RunMonitor | undefined;
}

/** A model, loaded on its devices. Several may be open in one process; each makes one run at a time. */
export class Predictor {
  /** What was loaded. */
  readonly model: OpenedModel;
  readonly #opened: OpenedModels;
  #run: Run | undefined;
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
  get triage(): (TriageRule & { readonly model: OpenedModel }) | undefined {
    const { triage } = this.#opened;
    return triage && { ...triage.rule, model: triage.model };
  }

  /** Every worker that the model was loaded on, then those of triage. */
  get devices(): readonly WorkerDescription[] {
    return this.#pools.flatMap(({ descriptions }) => descriptions);
  }

  get #pools(): readonly DevicePool[] {
    const { pool, triage } = this.#opened;
    return triage ? [pool, triage.pool] : [pool];
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
   * @throws VirnucproError VNP_ARGUMENT, VNP_CLOSED at once; while iterating VNP_INPUT_MISSING and VNP_INPUT_FORMAT,
   *   before anything is computed if an input's beginning shows it, else after the results of the preceding records;
   *   and after the results so far VNP_ABORTED (see PredictOptions.signal), VNP_DEVICE_LOST when the last device
   *   stopped answering, VNP_SYSTEMIC when three batches in a row had no score at all, VNP_OUTPUT and VNP_OUTPUT_LOST
   *   when the journal cannot be written or was removed
   */
  predict(given: string | readonly string[] | RunPlan, options: PredictOptions = {}): Prediction {
    this.#checkIdle();
    const run = isPlan(given) ? this.#runOfPlan(given, options) : this.#runOf(given, options);
    const results = flattened(this.#results(run));
    return {
      summary: run.summary,
      plan: () => this.#planOf(run),
      loadSeconds: this.#opened.seconds,
      temperature: temperatureOf(this.model, run.results.calibration),
      status: () => this.#monitorOf(run).status(),
      emitProgress: () => this.#monitorOf(run).emitProgress(),
      pause: () => run.control.pause(),
      resume: () => run.control.resume(),
      [Symbol.asyncIterator]: () => results,
    };
  }

  #runOf(given: string | readonly string[], options: PredictOptions): Run {
    const results = resolveResultSettings(options);
    checkEmbeddings(this.#opened.plan, results);
    return this.#newRun(inputPaths(given, 'predict'), results, resolveRunHandlers(options));
  }

  #runOfPlan(given: RunPlan, options: RunHandlers): Run {
    checkPlanHandlers('predict', options);
    checkSameModels(this.#opened.plan, given);
    const handlers = resolveRunHandlers({ ...(given.journal !== undefined && { journal: given.journal }), ...options });
    const run = this.#newRun(given.inputs, given.results, handlers);
    run.plan = Promise.resolve({ ...given, ...this.#opened.plan });
    return run;
  }

  #newRun(inputs: readonly string[], results: ResultSettings, handlers: Run['handlers']): Run {
    const usage = this.#pools.flatMap((pool) => pool.countUsage());
    const summary = new MutableRunSummary(usage, this.#opened.triage?.model.name);
    return { inputs, results, handlers, summary, control: new RunControl(), plan: undefined, monitor: undefined };
  }

  /** Checks the inputs on the first call only. */
  #planOf(run: Run): Promise<PlannedOnDevices<RunPlan>> {
    const look = async (): Promise<PlannedOnDevices<RunPlan>> => {
      const { inputs, results, control } = run;
      const warnings: string[] = [];
      const onWarning = (text: string): unknown => warnings.push(text);
      const files = await checkInputs(inputs, { onWarning, signal: control.ended });
      return { ...this.#opened.plan, inputs, files, warnings, results, journal: run.handlers.journal };
    };
    return (run.plan ??= look());
  }

  /**
   * After a run: measures on every device how fast the models' linear layers alone are, and enters that as `limit` into
   * the devices of the run's summary. Takes up to a fiftieth of the run or about half a second, whichever is longer; if
   * that is too little, and with the TorchScript engine, there is no limit. See `matmulEfficiency`.
   * @throws VirnucproError VNP_CLOSED, VNP_ARGUMENT while a run is in progress, VNP_MEMORY
   */
  async measureLimits(): Promise<void> {
    this.#checkIdle();
    this.#isMeasuring = true;
    try {
      for (const pool of this.#pools) await pool.measureLimits();
    } finally {
      this.#isMeasuring = false;
    }
  }

  /**
   * Frees the models and ends their threads, once the running batches are finished. An unfinished run yields no more
   * results and throws VNP_CLOSED. Closing twice is harmless.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#run?.control.close(closedError());
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError();
  }

  #checkIdle(): void {
    this.#checkOpen();
    if (!this.#run && !this.#isMeasuring) return;
    throw new VirnucproError(
      'VNP_ARGUMENT',
      'The predictor is busy: it makes one run at a time. Await the first, or open another predictor',
    );
  }

  async *#results(run: Run): AsyncGenerator<Iterable<PredictionResult>> {
    const { handlers, summary, control } = run;
    this.#checkIdle();
    this.#run = run;
    const stopListening = handlers.signal && control.listenTo(handlers.signal);
    const monitor = this.#monitorOf(run);
    monitor.begin();
    let journal: RunJournal | undefined;
    try {
      const { files, warnings } = await this.#planOf(run);
      for (const text of warnings) summary.input.warn(text);
      monitor.bytesTotal = totalSize(files);
      const { standardInput } = handlers;
      const reading = { progress: summary.input, signal: control.ended };
      const paths = files.map(({ path }) => path);
      const records = readRecords(paths, { ...reading, ...(standardInput && { standardInput }) });
      const { pool, onEvent } = this.#opened;
      journal = await this.#openJournal(run);
      const context = {
        summary,
        control,
        journal,
        onFailure: (failure: BatchFailure) => onEvent({ event: 'failure', ...failure }),
        onTriageFailure: (failure: BatchFailure) => onEvent({ event: 'triage-failure', ...failure }),
      };
      yield* new Pipeline(records, pool, this.#pipelineOptions(run.results), context).groups();
    } finally {
      summary.stopped ??= control.stopped;
      await journal?.close();
      stopListening?.();
      await monitor.end();
      this.#run = undefined;
    }
  }

  async #openJournal({ handlers, results, control }: Run): Promise<RunJournal | undefined> {
    const { journal: path } = handlers;
    if (path === undefined) return undefined;
    const { plan, triage, onEvent } = this.#opened;
    const { model, settings, devices } = plan;
    const key = runKey({
      versions: { virnucpro: packageVersion, libtorch: loadAddon().libtorch.version },
      ...{ model, triage, engine: settings.engine, batchTokens: devices.batchTokens },
      ...{ workers: this.devices, embeddings: results.embeddings },
    });
    const journal = await RunJournal.open({ path, key, onFailure: (error) => control.stop(error) });
    if (journal.content.batches + journal.content.damagedBytes > 0) {
      onEvent({ event: 'continued', journal: path, ...journal.content });
    }
    return journal;
  }

  #pipelineOptions({ rule, calibration, sequences, embeddings }: ResultSettings): PipelineOptions {
    const { triage } = this.#opened;
    const { name, chunkSize } = this.model;
    return {
      ...{ model: name, chunkSize, rule, sequences, embeddings },
      temperature: temperatureOf(this.model, calibration),
      batches: this.#batchesOf(this.#opened),
      triage: triage && {
        ...{ model: triage.model.name, pool: triage.pool, rule: triage.rule },
        batches: this.#batchesOf(triage),
        // Triage thresholds were measured on calibrated scores, so the rule always uses these.
        temperature: { rule: temperatureOf(triage.model, true), results: temperatureOf(triage.model, calibration) },
      },
    };
  }

  #batchesOf({ tokenizer }: LoadedModel): FrameBatcherOptions {
    const { protein: proteinTokens, dna: dnaTokens } = this.batchTokens;
    return { proteinTokens, dnaTokens, dnaTokenizer: tokenizer, proteinTable: PROTEIN_TOKENS };
  }

  #monitorOf(run: Run): RunMonitor {
    const { onEvent, pool: models } = this.#opened;
    const workers = this.#pools.flatMap((pool) => pool.workers);
    const { progressInterval, memoryWarning } = run.handlers;
    const { summary, control } = run;
    const { addon } = loadAddon();
    return (run.monitor ??= new RunMonitor({
      ...{ addon, workers, models, summary, control, onEvent, progressInterval, memoryWarning },
    }));
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

function closedError(): VirnucproError {
  return new VirnucproError('VNP_CLOSED', 'The predictor is closed: open another one');
}

/** @returns undefined when one of the inputs has no size */
function totalSize(files: readonly { readonly size: number | undefined }[]): number | undefined {
  return files.reduce<number | undefined>(
    (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
}
