import { loadAddon } from '../engine/libtorch/load.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import type { InputFile } from '../input/input-files.js';
import type { SequenceRecord } from '../input/record.js';
import type { RecordSource } from '../input/record-source.js';
import { RunJournal } from '../journal/run-journal.js';
import { packageVersion } from '../package.js';
import { temperatureOf } from '../scoring/frame-scores.js';
import type { StoredResult } from '../scoring/results.js';
import { poolsOf } from './open-models.js';
import type { LoadedModel, OpenedModels } from './open-models.js';
import type { ResultSettings } from './options.js';
import type { resolveRunHandlers } from './resolve-options.js';
import { Pipeline } from './pipeline.js';
import type { PipelineOptions } from './pipeline.js';
import type { PlannedOnDevices, RunPlan } from './plan.js';
import { RunControl } from './run-control.js';
import { runKey } from './run-key.js';
import { RunMonitor } from './run-monitor.js';
import { MutableRunSummary } from './summary.js';

export interface RunOptions {
  readonly source: RecordSource;
  readonly results: ResultSettings;
  readonly handlers: ReturnType<typeof resolveRunHandlers>;
  /** Defaults to one that the run makes when it is first needed. */
  readonly plan?: PlannedOnDevices<RunPlan>;
}

/** One run of opened models over the records of a source: connects reader, journal, pipeline and monitor. */
export class Run {
  readonly summary: MutableRunSummary;
  readonly control = new RunControl();
  readonly monitor: RunMonitor;
  /** Of the scores in the results. */
  readonly temperature: number;
  readonly #opened: OpenedModels;
  /** Of the pool of the run's model, then of that of triage. */
  readonly #shares: readonly PoolShare[];
  readonly #options: RunOptions;
  #plan: Promise<PlannedOnDevices<RunPlan>> | undefined;

  constructor(opened: OpenedModels, options: RunOptions) {
    const { progressInterval, memoryWarning, onProgress } = options.handlers;
    this.#opened = opened;
    this.#options = options;
    this.#plan = options.plan && Promise.resolve(options.plan);
    this.temperature = temperatureOf(opened.model, options.results.calibration);
    this.#shares = poolsOf(opened).map((pool) => pool.share());
    const usage = this.#shares.flatMap((share) => share.usage);
    this.summary = new MutableRunSummary(usage, opened.triage?.model.name);
    this.monitor = new RunMonitor({
      readings: opened.readings,
      shares: this.#shares,
      summary: this.summary,
      control: this.control,
      onEvent: opened.onEvent,
      progressInterval,
      memoryWarning,
      onProgress,
    });
  }

  /** Everything that decides the results. Checks the inputs on the first call only. */
  plan(): Promise<PlannedOnDevices<RunPlan>> {
    return (this.#plan ??= this.#newPlan());
  }

  async #newPlan(): Promise<PlannedOnDevices<RunPlan>> {
    const { source, results, handlers } = this.#options;
    const warnings: string[] = [];
    const onWarning = (text: string): unknown => warnings.push(text);
    const files = await source.files({ onWarning, signal: this.control.ended });
    return { ...this.#opened.plan, inputs: source.inputs, files, warnings, results, journal: handlers.journal };
  }

  /** All results, once, in groups as those of `Pipeline`. */
  async *groups(): AsyncGenerator<Iterable<StoredResult>> {
    const { summary, control, monitor } = this;
    const { onEvent } = this.#opened;
    const { signal } = this.#options.handlers;
    const stopListening = signal && control.listenTo(signal);
    monitor.begin();
    let isComplete = false;
    let journal: RunJournal | undefined;
    try {
      const { files, warnings } = await this.plan();
      for (const text of warnings) summary.input.warn(text);
      monitor.bytesTotal = totalSize(files);
      journal = await this.#openJournal();
      yield* new Pipeline(this.#read(files), this.#shares[0]!, this.#pipelineOptions(), {
        summary,
        control,
        journal,
        onFailure: (failure) => onEvent({ event: 'failure', ...failure }),
        onTriageFailure: (failure) => onEvent({ event: 'triage-failure', ...failure }),
      }).groups();
      isComplete = true;
    } finally {
      summary.stopped ??= control.stopped;
      await journal?.close();
      stopListening?.();
      await monitor.end(isComplete);
      for (const share of this.#shares) share.close();
    }
  }

  #read(files: readonly InputFile[]): AsyncIterable<SequenceRecord> {
    const { source, results, handlers } = this.#options;
    const { standardInput, maxInputBytes } = handlers;
    return source.read(files, {
      progress: this.summary.input,
      signal: this.control.reading,
      maxRecordLength: results.maxRecordLength,
      maxInputBytes,
      ...(standardInput && { standardInput }),
    });
  }

  async #openJournal(): Promise<RunJournal | undefined> {
    const { handlers, results } = this.#options;
    const { journal: path } = handlers;
    if (path === undefined) return undefined;
    const { plan, triage, onEvent } = this.#opened;
    const { model, settings, devices } = plan;
    const workers = poolsOf(this.#opened).flatMap(({ descriptions }) => descriptions);
    const key = runKey({
      versions: { virnucpro: packageVersion, libtorch: loadAddon().libtorch.version },
      model,
      triage,
      engine: settings.engine,
      batchTokens: devices.batchTokens,
      workers,
      embeddings: results.embeddings,
    });
    const journal = await RunJournal.open({ path, key, onFailure: (error) => this.control.stop(error) });
    if (journal.content.batches + journal.content.damagedBytes > 0) {
      onEvent({ event: 'continued', journal: path, ...journal.content });
    }
    return journal;
  }

  #pipelineOptions(): PipelineOptions {
    const { model, triage } = this.#opened;
    const { rule, calibration, sequences, embeddings } = this.#options.results;
    return {
      model: model.name,
      chunkSize: model.chunkSize,
      rule,
      sequences,
      embeddings,
      temperature: this.temperature,
      ...this.#routeTo(this.#opened),
      triage: triage && {
        model: triage.model.name,
        share: this.#shares[1]!,
        rule: triage.rule,
        ...this.#routeTo(triage),
        // Triage thresholds were measured on calibrated scores, so the rule always uses these.
        temperature: { rule: temperatureOf(triage.model, true), results: temperatureOf(triage.model, calibration) },
      },
    };
  }

  /** The batches of a run over files, or with a journal, are its own: they are the same whenever it is repeated. */
  #routeTo({ batches, shared }: LoadedModel): Pick<PipelineOptions, 'batches' | 'shared'> {
    const { source, handlers } = this.#options;
    return { batches, shared: source.areFiles || handlers.journal !== undefined ? undefined : shared };
  }
}

/** @returns undefined when one of the inputs has no size */
function totalSize(files: readonly Pick<InputFile, 'size'>[]): number | undefined {
  return files.reduce<number | undefined>(
    (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
}
