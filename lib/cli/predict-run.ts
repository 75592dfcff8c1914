import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { isAborted, reasonOf } from '../errors.js';
import { open, VirnucproError } from '../index.js';
import type {
  BatchFailure,
  ContigResult,
  InspectedModel,
  InspectedTriage,
  Prediction,
  Predictor,
  RunEvent,
} from '../index.js';
import { logEvent } from '../monitor/log.js';
import { RANDOM_WEIGHTS_WARNING } from '../output/manifest.js';
import type { RunManifest } from '../output/manifest.js';
import type { ResultDirectory } from '../output/result-directory.js';
import { EXIT_OF_OUTCOME, EXIT_OF_SIGNAL } from './exit-codes.js';
import type { PredictCommandOptions } from './predict-options.js';
import { describeRun } from './run-description.js';
import { triageChoice } from './triage-words.js';
import type { RunTimes } from './run-description.js';
import type { RunScreen } from './run-screen.js';
import type { StateSignal } from './state-signal.js';
import type { StopSignals } from './stop-signals.js';

export interface PredictionJob {
  /** As given on the command line. */
  readonly inputs: readonly string[];
  /** Warnings that the log has already. */
  readonly saidFirst: readonly string[];
  readonly words: PredictCommandOptions;
  readonly model: InspectedModel;
  readonly triage: InspectedTriage | undefined;
  readonly directory: ResultDirectory;
  readonly log: Logger;
  readonly screen: RunScreen;
  readonly stop: StopSignals;
  readonly state: StateSignal;
}

/**
 * Loads the model, predicts, writes. Result files appear at the end, or not at all; a run that was stopped leaves what it
 * had finished. Gives the exit code.
 */
export async function runPrediction(job: PredictionJob): Promise<number> {
  const { directory, log, stop } = job;
  const times: RunTimes = { started: new Date(), start: performance.now(), load: 0, writing: 0 };
  let predictor: Predictor | undefined;
  /** The journal is that of a run with which this command cannot go on, or another run is at it. */
  let hasFailed = false;
  let isOtherRun = false;
  try {
    const ended = new AbortController();
    stop.onStop = (signal) => {
      job.screen.showStopping();
      logEvent(log, { event: 'stopping', signal });
      ended.abort(signal);
    };
    if (stop.signal) stop.onStop(stop.signal);
    directory.lost.addEventListener('abort', () => {
      logEvent(log, { event: 'warning', text: `the run stops, for ${job.words.output} is no longer its own` });
      ended.abort(directory.lost.reason);
    });
    predictor = await openPredictor(job, times, ended.signal);
    const { threshold, minFraction, calibration, keepIntermediate = false, saveEmbeddings = false } = job.words;
    const { progress, progressInterval, memoryWarning } = job.words;
    const prediction = predictor.predict(job.inputs, {
      ...{ threshold, minFraction, calibration, memoryWarning },
      ...{ sequences: keepIntermediate, embeddings: saveEmbeddings },
      ...{ signal: ended.signal, journal: directory.journalPath },
      progressInterval: progress ? progressInterval : 0,
    });
    job.screen.show(prediction);
    job.state.onAsked = () => prediction.emitProgress();
    const end = await writeResults(job, prediction, times);
    directory.lost.throwIfAborted();
    if (end.reason?.code === 'VNP_OUTPUT_LOST') throw end.reason;
    if (end.reason && end.results === 0) return nothingDone(job, end.reason);
    await measureLimits(job, predictor, prediction);
    for (const failure of prediction.summary.failures) await recordFailure(directory, failure);
    const manifest = await directory.finish(describeRun(job.words, predictor, prediction, times));
    job.screen.close();
    reportEnd(job, manifest);
    return exitCode(job, manifest, end.reason);
  } catch (failure) {
    const error: unknown = directory.lost.aborted ? directory.lost.reason : failure;
    // The model was not loaded yet, or the inputs not looked at.
    if (stop.signal && isAborted(error)) return nothingDone(job, error as VirnucproError);
    hasFailed = true;
    isOtherRun = error instanceof VirnucproError && ['VNP_RESUME', 'VNP_OUTPUT_LOST'].includes(error.code);
    throw error;
  } finally {
    stop.ignore();
    job.screen.close();
    await predictor?.close();
    await directory.abort().catch((cause: unknown) => {
      // The first failure is the one to tell: a file system that is gone fails in the clearing up, too.
      if (!hasFailed) throw cause;
    });
    if (!isOtherRun && existsSync(directory.journalPath))
      logEvent(log, { event: 'resumable', output: job.words.output });
  }
}

async function openPredictor(
  { words, model, triage, log }: PredictionJob,
  times: RunTimes,
  signal: AbortSignal,
): Promise<Predictor> {
  const start = performance.now();
  for (const { name, random } of triage ? [model, triage.model] : [model]) {
    if (random) logEvent(log, { event: 'random-weights', model: name });
  }
  const { models, trust, threads, workers, maxMemory, esmBatchSize, dnabertBatchSize } = words;
  const devices = words.gpus ?? words.device;
  const choice = triageChoice(words);
  const predictor = await open({
    model: model.name,
    precision: words.precision,
    engine: words.engine,
    deviceTimeout: words.deviceTimeout,
    signal,
    onEvent: (event: RunEvent) => logEvent(log, event),
    ...(choice && { triage: choice }),
    ...(models !== undefined && { models }),
    ...(trust !== undefined && { trust }),
    ...(devices !== undefined && { devices }),
    ...(threads !== undefined && { threads }),
    ...(workers !== undefined && { workers }),
    ...(maxMemory !== undefined && { maxMemory }),
    ...(esmBatchSize !== undefined && { esmBatchTokens: esmBatchSize }),
    ...(dnabertBatchSize !== undefined && { dnabertBatchTokens: dnabertBatchSize }),
  });
  times.load = secondsSince(start);
  return predictor;
}

/** How the writing of a run's results ended. */
interface RunEnd {
  readonly results: number;
  /** Why the run ended before its end; undefined when it did not. */
  readonly reason: VirnucproError | undefined;
}

async function writeResults({ directory }: PredictionJob, prediction: Prediction, times: RunTimes): Promise<RunEnd> {
  let results = 0;
  try {
    for await (const result of prediction) {
      const start = performance.now();
      const room = directory.write(result);
      // Mostly there is room, and a promise for each result would cost more than the writing.
      if (room !== undefined) await room;
      if (result.kind === 'contig' && result.status === 'invalid') await recordInvalid(directory, result);
      times.writing += secondsSince(start);
      results++;
    }
    return { results, reason: undefined };
  } catch (error) {
    const { stopped } = prediction.summary;
    if (stopped === undefined || error !== stopped) throw error;
    return { results, reason: stopped };
  }
}

/** A run that was ended before it had anything to show. */
function nothingDone({ stop, log, screen }: PredictionJob, reason: VirnucproError): number {
  if (!stop.signal) throw reason;
  screen.close();
  logEvent(log, { event: 'interrupted', signal: stop.signal, output: null });
  return EXIT_OF_SIGNAL.get(stop.signal)!;
}

/** Says nothing of the results, so that no failure of it, of whatever kind, may cost them. */
async function measureLimits(
  { stop, log, directory }: PredictionJob,
  predictor: Predictor,
  { summary }: Prediction,
): Promise<void> {
  // Who stops a run does not want to wait.
  if (summary.stopped) return;
  // Only the measurement can be cut short.
  const cutShort = (): void => void predictor.close();
  stop.onStop = (signal) => {
    logEvent(log, { event: 'completing', signal });
    cutShort();
  };
  directory.lost.addEventListener('abort', cutShort);
  try {
    await predictor.measureLimits();
  } catch (error) {
    const reason = reasonOf(error);
    const code = error instanceof VirnucproError ? { code: error.code } : {};
    logEvent(log, { event: 'limit', ...code, reason });
  }
}

const STAGES = { dna: 'DNABERT-S', protein: 'ESM-2', classifier: 'classifier', batch: 'batch' } as const;

async function recordFailure(directory: ResultDirectory, failure: BatchFailure): Promise<void> {
  for (const path of failure.sources) {
    await directory.recordFailure({ path, stage: STAGES[failure.part], message: failure.reason });
  }
}

async function recordInvalid(
  directory: ResultDirectory,
  { record, contig, source, reason }: ContigResult,
): Promise<void> {
  await directory.recordFailure({
    path: source,
    stage: 'input',
    message: `record ${record + 1}, ${contig}: ${reason}`,
  });
}

/** Warnings at the end, so that thousands of failures, each of which was logged when it happened, do not bury the rest. */
const MAX_WARNINGS = 10;

/** The last words: what came of every record, and where it is. */
function reportEnd({ words, log, saidFirst }: PredictionJob, manifest: RunManifest): void {
  const { counts, seconds, devices, warnings } = manifest;
  const { name, card = null } = manifest.model;
  // That one was said at the start, too.
  const news = unsaid(warnings, [RANDOM_WEIGHTS_WARNING, ...saidFirst]);
  for (const text of news.slice(0, MAX_WARNINGS)) logEvent(log, { event: 'warning', text });
  const others = news.length - MAX_WARNINGS;
  if (others > 0) logEvent(log, { event: 'warning', text: `${others} more such warnings are in run.json` });
  for (const { id, batches, frames, tokens, busySeconds, tokensPerSecond, matmulEfficiency, lost } of devices) {
    logEvent(log, {
      ...{
        event: 'device-summary',
        device: id,
        batches,
        frames,
        tokens,
        busySeconds,
        tokensPerSecond,
        matmulEfficiency,
      },
      isLost: lost !== null,
    });
  }
  logEvent(log, { event: 'finished', counts, seconds, model: name, card, output: words.output });
}

/** Warnings but for those that were said before. */
export function unsaid(warnings: readonly string[], said: readonly string[]): string[] {
  return warnings.filter((text) => !said.includes(text));
}

function exitCode({ stop, log, words }: PredictionJob, { outcome }: RunManifest, reason: RunEnd['reason']): number {
  if (stop.signal && reason?.code === 'VNP_ABORTED') {
    logEvent(log, { event: 'interrupted', signal: stop.signal, output: words.output });
    return EXIT_OF_SIGNAL.get(stop.signal)!;
  }
  if (reason) logEvent(log, { event: 'aborted', code: reason.code, reason: reason.message });
  return EXIT_OF_OUTCOME[outcome];
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
