import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { isAborted, reasonOf } from '../errors.js';
import { open, VirnucproError } from '../index.js';
import type { Prediction, Predictor, RunManifest, RunPlan } from '../index.js';
import { writeInto } from '../internal.js';
import { logEvent } from '../monitor/log.js';
import { RANDOM_WEIGHTS_WARNING } from '../output/manifest.js';
import type { ResultDirectory } from '../output/result-directory.js';
import { EXIT_OF_OUTCOME, EXIT_OF_SIGNAL } from './exit-codes.js';
import type { PredictCommandOptions } from './predict-options.js';
import type { RunScreen } from './run-screen.js';
import type { Signals } from './signals.js';

export interface PredictionJob {
  readonly plan: RunPlan;
  /** Those that the plan does not decide. */
  readonly options: Pick<PredictCommandOptions, 'output' | 'progress' | 'progressInterval' | 'memoryWarning'>;
  readonly directory: ResultDirectory;
  readonly log: Logger;
  readonly screen: RunScreen;
  readonly signals: Signals;
}

/**
 * Loads the model, predicts, writes. Result files appear at the end, or not at all; a run that was stopped leaves what it
 * had finished. Gives the exit code.
 */
export async function runPrediction(job: PredictionJob): Promise<number> {
  const { directory, log, signals, screen, options } = job;
  const started = { date: new Date(), milliseconds: performance.now() };
  let predictor: Predictor | undefined;
  /** The journal is that of a run with which this command cannot go on, or another run is at it. */
  let hasFailed = false;
  let isOtherRun = false;
  const stopping = stopRun(job);
  const reportLoading = (): void => logEvent(log, { event: 'waiting', reason: 'the model is being loaded' });
  signals.on('report', reportLoading);
  try {
    predictor = await openPredictor(job, stopping.ended);
    const { progress, progressInterval, memoryWarning } = options;
    const prediction = predictor.predict(job.plan, {
      ...{ signal: stopping.ended, journal: directory.journalPath, memoryWarning },
      progressInterval: progress ? progressInterval : 0,
    });
    screen.show(prediction);
    signals.off('report', reportLoading).on('report', () => prediction.emitProgress());
    const manifest = await writeInto(prediction, directory, {
      commandLine: ['virnucpro', ...process.argv.slice(2)],
      started,
      onWritten: async () => {
        // Who stops a run does not want to wait.
        if (prediction.summary.stopped) return;
        stopping.release();
        await measureLimits(job, predictor!);
      },
    });
    screen.close();
    reportEnd(job, manifest);
    return exitCode(job, manifest, prediction);
  } catch (failure) {
    const error: unknown = directory.lost.aborted ? directory.lost.reason : failure;
    // The model was not loaded yet, or the run had nothing to show.
    if (signals.received && isAborted(error)) return nothingDone(job, signals.received);
    hasFailed = true;
    isOtherRun = error instanceof VirnucproError && ['VNP_RESUME', 'VNP_OUTPUT_LOST'].includes(error.code);
    throw error;
  } finally {
    stopping.release();
    signals.release();
    screen.close();
    await predictor?.close();
    await directory.abort().catch((cause: unknown) => {
      // The first failure is the one to report: a file system that is gone fails in the clearing up, too.
      if (!hasFailed) throw cause;
    });
    if (!isOtherRun && existsSync(directory.journalPath)) logEvent(log, { event: 'resumable', output: options.output });
  }
}

/** Ends a run at the first signal, or when its directory is lost, until it is released. */
function stopRun({ signals: { stopped }, directory: { lost }, screen, log, options }: PredictionJob) {
  const controller = new AbortController();
  const stop = (): void => {
    screen.showStopping();
    logEvent(log, { event: 'stopping', signal: stopped.reason as NodeJS.Signals });
    controller.abort(stopped.reason);
  };
  if (stopped.aborted) stop();
  stopped.addEventListener('abort', stop);
  lost.addEventListener('abort', () => {
    logEvent(log, { event: 'warning', text: `the run stops, for ${options.output} is no longer its own` });
    controller.abort(lost.reason);
  });
  return { ended: controller.signal, release: () => stopped.removeEventListener('abort', stop) };
}

async function openPredictor({ plan, log }: PredictionJob, signal: AbortSignal): Promise<Predictor> {
  const { model, triage } = plan;
  for (const { name, random } of triage ? [model, triage.model] : [model]) {
    if (random) logEvent(log, { event: 'random-weights', model: name });
  }
  return open(plan, { signal, onEvent: (event) => logEvent(log, event) });
}

/** A run that was ended before it had anything to show. */
function nothingDone({ log, screen }: PredictionJob, signal: NodeJS.Signals): number {
  screen.close();
  logEvent(log, { event: 'interrupted', signal, output: null });
  return EXIT_OF_SIGNAL.get(signal)!;
}

/** Says nothing of the results, so that no failure of it, of whatever kind, may cost them. */
async function measureLimits(
  { signals: { stopped }, log, directory }: PredictionJob,
  predictor: Predictor,
): Promise<void> {
  // Only the measurement can be cut short.
  const cutShort = (): void => void predictor.close();
  stopped.addEventListener('abort', () => {
    logEvent(log, { event: 'completing', signal: stopped.reason as NodeJS.Signals });
    cutShort();
  });
  directory.lost.addEventListener('abort', cutShort);
  try {
    await predictor.measureLimits();
  } catch (error) {
    const reason = reasonOf(error);
    const code = error instanceof VirnucproError ? { code: error.code } : {};
    logEvent(log, { event: 'limit', ...code, reason });
  }
}

/** Warnings at the end, so that thousands of failures, each of which was logged when it happened, do not bury the rest. */
const MAX_WARNINGS = 10;

/** The last words: what came of every record, and where it is. */
function reportEnd({ options, log, plan }: PredictionJob, manifest: RunManifest): void {
  const { counts, seconds, devices, warnings } = manifest;
  const { name, card = null } = manifest.model;
  // That one was said at the start, too.
  const news = withoutEarlier(warnings, [RANDOM_WEIGHTS_WARNING, ...plan.warnings]);
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
  logEvent(log, { event: 'finished', counts, seconds, model: name, card, output: options.output });
}

/** Warnings but for those that were logged before. */
export function withoutEarlier(warnings: readonly string[], earlier: readonly string[]): string[] {
  return warnings.filter((text) => !earlier.includes(text));
}

function exitCode(
  { signals, log, options }: PredictionJob,
  { outcome }: RunManifest,
  { summary: { stopped } }: Prediction,
): number {
  if (signals.received && stopped?.code === 'VNP_ABORTED') {
    logEvent(log, { event: 'interrupted', signal: signals.received, output: options.output });
    return EXIT_OF_SIGNAL.get(signals.received)!;
  }
  if (stopped) logEvent(log, { event: 'aborted', code: stopped.code, reason: stopped.message });
  return EXIT_OF_OUTCOME[outcome];
}
