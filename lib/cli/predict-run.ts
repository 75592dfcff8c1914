import type { Logger } from 'pino';
import { open, VirnucproError } from '../index.js';
import type { BatchFailure, InputFile, InspectedModel, Predictor, RunSummary } from '../index.js';
import { logProgress } from '../monitor/progress.js';
import { RANDOM_WEIGHTS_WARNING } from '../output/manifest.js';
import type { RunManifest } from '../output/manifest.js';
import type { ResultDirectory } from '../output/result-directory.js';
import { EXIT } from './exit-codes.js';
import type { PredictWords } from './predict-options.js';
import { describeRun } from './run-description.js';
import type { RunTimes } from './run-description.js';
import { StopSignals } from './stop-signals.js';

export interface PredictionJob {
  /** As given on the command line. */
  readonly inputs: readonly string[];
  /** What they stand for. */
  readonly files: readonly InputFile[];
  readonly words: PredictWords;
  readonly model: InspectedModel;
  readonly directory: ResultDirectory;
  readonly log: Logger;
}

/** Loads the model, predicts, writes. Result files appear at the end, or not at all. Gives the exit code. */
export async function runPrediction(job: PredictionJob): Promise<number> {
  const stop = new StopSignals(job.inputs.includes('-'));
  let predictor: Predictor | undefined;
  try {
    const times: RunTimes = { started: new Date(), load: 0, writing: 0 };
    stop.onStop = () => {
      job.log.warn(
        { event: 'stopping', signal: stop.signal },
        'stopping after the batch that runs; again to stop at once',
      );
      // A closed predictor rejects the batches that wait and ends the run.
      void predictor?.close();
    };
    predictor = await openPredictor(job, times);
    const summary = await writeResults(job, predictor, times, stop);
    if (!summary) {
      job.log.warn({ event: 'interrupted', signal: stop.signal }, `stopped by ${stop.signal}: nothing was written`);
      return stop.signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    }
    stop.onStop = () => {
      job.log.warn(
        { event: 'completing', signal: stop.signal },
        'the results are complete and are being written; again to stop at once',
      );
      // Only the measurement can be cut short.
      void predictor?.close();
    };
    await measureLimits(predictor, job.log);
    for (const failure of summary.failures) await recordFailure(job.directory, failure);
    const manifest = await job.directory.finish(describeRun(job.words, predictor, summary, times));
    reportEnd(job, manifest);
    if (summary.failures.length === 0) return EXIT.done;
    return summary.counts.windowsScored > 0 ? EXIT.partial : EXIT.failed;
  } finally {
    stop.ignore();
    await predictor?.close();
    await job.directory.abort();
  }
}

const STAGES = { dna: 'DNABERT-S', protein: 'ESM-2', classifier: 'classifier', batch: 'batch' } as const;

async function recordFailure(directory: ResultDirectory, failure: BatchFailure): Promise<void> {
  for (const path of failure.sources) {
    await directory.recordFailure({ path, stage: STAGES[failure.part], message: failure.reason });
  }
}

async function openPredictor({ words, model, log }: PredictionJob, times: RunTimes): Promise<Predictor> {
  const start = performance.now();
  if (model.random)
    log.warn({ event: 'random-weights', model: model.name }, `${model.name}: ${RANDOM_WEIGHTS_WARNING}`);
  log.info({ event: 'loading', model: model.name }, `loading model ${model.name}, windows of ${model.chunkSize} bases`);
  const predictor = await open({
    model: model.name,
    ...(words.models !== undefined && { models: words.models }),
    precision: words.precision,
    ...(words.device && { devices: words.device }),
    ...(words.threads !== undefined && { threads: words.threads }),
    engine: words.engine,
    esmBatchTokens: words.esmBatchSize,
    dnabertBatchTokens: words.dnabertBatchSize,
  });
  times.load = secondsSince(start);
  const { esm, dnabert } = predictor.batchTokens;
  for (const { device, precision, threads, weightBytes } of predictor.devices) {
    const capability = device.capability && `, capability ${device.capability}`;
    log.info(
      { event: 'device', device, precision, threads, weightBytes, batchTokens: { esm, dnabert } },
      `${device.id}: ${device.name}${capability}, ${precision.toUpperCase()} enabled, ${threads} threads, ` +
        `weights ${(weightBytes / 2 ** 20).toFixed(0)} MiB, ${esm} ESM-2 and ${dnabert} DNABERT tokens a batch`,
    );
  }
  return predictor;
}

/** @returns undefined when a signal stopped it */
async function writeResults(
  { inputs, files, words, directory, log }: PredictionJob,
  predictor: Predictor,
  times: RunTimes,
  stop: StopSignals,
): Promise<RunSummary | undefined> {
  const { threshold, minFraction, keepIntermediate = false, progress, progressInterval } = words;
  const prediction = predictor.predict(inputs, { threshold, minFraction, sequences: keepIntermediate });
  const sizes = files.map(({ size }) => size ?? NaN);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const endProgress = logProgress(log, prediction.summary, {
    interval: progress ? progressInterval : 0,
    totalBytes: Number.isNaN(bytes) ? undefined : bytes,
  });
  try {
    for await (const result of prediction) {
      if (stop.signal) return undefined;
      const start = performance.now();
      const room = directory.write(result);
      // Mostly there is room, and a promise for each result would cost more than the writing.
      if (room !== undefined) await room;
      times.writing += secondsSince(start);
    }
  } catch (error) {
    if (stop.signal) return undefined;
    throw error;
  } finally {
    endProgress();
  }
  // A run of the devices' threads may outlast the loop's last look.
  return stop.signal ? undefined : prediction.summary;
}

/** Says nothing of the results, so that no failure of it, of whatever kind, may cost them. */
async function measureLimits(predictor: Predictor, log: Logger): Promise<void> {
  try {
    await predictor.measureLimits();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof VirnucproError ? { code: error.code } : {};
    log.warn({ event: 'limit', ...code }, `the limit of the devices was not measured: ${reason}`);
  }
}

/** The last words: what came of every record, and where it is. */
function reportEnd({ words, log }: PredictionJob, manifest: RunManifest): void {
  const { counts, seconds, devices, warnings } = manifest;
  for (const warning of warnings) {
    // That one was said at the start.
    if (warning !== RANDOM_WEIGHTS_WARNING) log.warn({ event: 'warning' }, warning);
  }
  for (const { id, batches, frames, tokens, busySeconds, tokensPerSecond, linearShare } of devices) {
    const share =
      linearShare === null ? '' : `, ${(100 * linearShare).toFixed(0)} % of what its matrix products alone reach`;
    log.info(
      { event: 'device-summary', device: id, batches, frames, tokens, busySeconds, tokensPerSecond, linearShare },
      `${id}: ${frames} frames in ${batches} batches, ${tokens} tokens, busy ${busySeconds.toFixed(1)} s, ` +
        `${tokensPerSecond.toFixed(0)} tokens a second${share}`,
    );
  }
  log.info(
    { event: 'finished', counts, seconds, output: words.output },
    `${counts.records} records: ${counts.contigsVirus} virus, ${counts.contigsOther} other, ` +
      `${counts.contigsNone} without a verdict; ${counts.windows} windows, ${counts.windowsScored} scored, ` +
      `${counts.windowsNoFrame} without a frame, ${counts.windowsFailed} failed; ${(seconds['total'] ?? 0).toFixed(1)} s; ` +
      `results in ${words.output}`,
  );
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
