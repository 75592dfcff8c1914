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

/** A run of `predict` after its preparation. */
export interface PreparedRun {
  readonly plan: RunPlan;
  /** The options that are not part of the plan. */
  readonly options: Pick<PredictCommandOptions, 'output' | 'progress' | 'progressInterval' | 'memoryWarning'>;
  readonly directory: ResultDirectory;
  readonly log: Logger;
  readonly screen: RunScreen;
  readonly signals: Signals;
}

/**
 * Loads the model, predicts and writes. Result files appear at the end or not at all; a stopped run leaves what it had
 * finished. Returns the exit code.
 */
export async function runPrediction(run: PreparedRun): Promise<number> {
  const { directory, log, signals, screen, options } = run;
  const started = { date: new Date(), milliseconds: performance.now() };
  let predictor: Predictor | undefined;
  let hasFailed = false;
  /** Whether the journal belongs to a run that this command cannot resume, or another run has taken it over. */
  let isOtherRun = false;
  const stopping = listenForStop(run);
  const reportLoading = (): void => logEvent(log, { event: 'waiting', reason: 'the model is being loaded' });
  signals.on('report', reportLoading);
  try {
    predictor = await openPredictor(run, stopping.ended);
    const { progress, progressInterval, memoryWarning } = options;
    const prediction = predictor.predict(run.plan, {
      signal: stopping.ended,
      journal: directory.journalPath,
      memoryWarning,
      progressInterval: progress ? progressInterval : 0,
    });
    screen.show(prediction);
    signals.off('report', reportLoading).on('report', () => prediction.emitProgress());
    const manifest = await writeInto(prediction, directory, {
      commandLine: ['virnucpro', ...process.argv.slice(2)],
      started,
      onWritten: async () => {
        // A user who stops a run does not want to wait for the measurement.
        if (prediction.summary.stopped) return;
        stopping.release();
        await measureLimits(run, predictor!);
      },
    });
    screen.close();
    reportEnd(run, manifest);
    return exitCode(run, manifest, prediction);
  } catch (failure) {
    const error: unknown = directory.lost.aborted ? directory.lost.reason : failure;
    // Stopped before the model was loaded, or before the run had any results.
    if (signals.received && isAborted(error)) return reportNothingDone(run, signals.received);
    hasFailed = true;
    isOtherRun = error instanceof VirnucproError && ['VNP_RESUME', 'VNP_OUTPUT_LOST'].includes(error.code);
    throw error;
  } finally {
    stopping.release();
    signals.release();
    screen.close();
    await predictor?.close();
    await directory.abort().catch((cause: unknown) => {
      // Report the first failure: on a file system that is gone, the cleanup fails too.
      if (!hasFailed) throw cause;
    });
    if (!isOtherRun && existsSync(directory.journalPath)) logEvent(log, { event: 'resumable', output: options.output });
  }
}

/** Stops the run when its directory is lost or, until `release`, at the first signal. */
function listenForStop({ signals, directory: { lost }, screen, log, options }: PreparedRun) {
  const { stopped } = signals;
  const controller = new AbortController();
  const stop = (): void => {
    screen.showStopping();
    logEvent(log, { event: 'stopping', signal: signals.received! });
    controller.abort(stopped.reason);
  };
  if (stopped.aborted) stop();
  stopped.addEventListener('abort', stop);
  lost.addEventListener('abort', () => {
    logEvent(log, { event: 'warning', text: `the run stops because ${options.output} is no longer its own` });
    controller.abort(lost.reason);
  });
  return { ended: controller.signal, release: () => stopped.removeEventListener('abort', stop) };
}

async function openPredictor({ plan, log }: PreparedRun, signal: AbortSignal): Promise<Predictor> {
  const { model, triage } = plan;
  for (const { name, random } of triage ? [model, triage.model] : [model]) {
    if (random) logEvent(log, { event: 'random-weights', model: name });
  }
  return open(plan, { signal, onEvent: (event) => logEvent(log, event) });
}

/** Reports a run that a signal stopped before it had any results. Returns the exit code. */
function reportNothingDone({ log, screen }: PreparedRun, signal: NodeJS.Signals): number {
  screen.close();
  logEvent(log, { event: 'interrupted', signal, output: null });
  return EXIT_OF_SIGNAL.get(signal)!;
}

/** The measurement does not affect the results, so none of its failures may cost them. */
async function measureLimits({ signals, log, directory }: PreparedRun, predictor: Predictor): Promise<void> {
  // From here on, only the measurement can be cut short.
  const cutShort = (): void => void predictor.close();
  signals.stopped.addEventListener('abort', () => {
    logEvent(log, { event: 'completing', signal: signals.received! });
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

/**
 * Maximum number of warnings at the end. Thousands of failures, already logged when they happened, must not bury the
 * rest.
 */
const MAX_WARNINGS = 10;

/** Logs the warnings, the work of each device, the counts, and where the results are. */
function reportEnd({ options, log, plan }: PreparedRun, manifest: RunManifest): void {
  const { counts, seconds, devices, warnings } = manifest;
  const { name, card = null } = manifest.model;
  // These were already logged at the start.
  const news = withoutEarlier(warnings, [RANDOM_WEIGHTS_WARNING, ...plan.warnings]);
  for (const text of news.slice(0, MAX_WARNINGS)) logEvent(log, { event: 'warning', text });
  const others = news.length - MAX_WARNINGS;
  if (others > 0) logEvent(log, { event: 'warning', text: `${others} more such warnings are in run.json` });
  for (const { id, batches, frames, tokens, busySeconds, tokensPerSecond, matmulEfficiency, lost } of devices) {
    logEvent(log, {
      event: 'device-summary',
      device: id,
      batches,
      frames,
      tokens,
      busySeconds,
      tokensPerSecond,
      matmulEfficiency,
      isLost: lost !== null,
    });
  }
  logEvent(log, { event: 'finished', counts, seconds, model: name, card, output: options.output });
}

/** The warnings that are not among the earlier, already logged ones. */
export function withoutEarlier(warnings: readonly string[], earlier: readonly string[]): string[] {
  return warnings.filter((text) => !earlier.includes(text));
}

function exitCode(
  { signals, log, options }: PreparedRun,
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
