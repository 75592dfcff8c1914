import type { Logger } from 'pino';
import { open, versions } from '../index.js';
import type { InputFile, InspectedModel, Predictor, RunSummary, WorkerUsage } from '../index.js';
import { logProgress } from '../monitor/progress.js';
import { RANDOM_WEIGHTS_WARNING } from '../output/manifest.js';
import type { RunDescription, RunManifest } from '../output/manifest.js';
import type { ResultDirectory } from '../output/result-directory.js';
import { EXIT } from './exit-codes.js';
import type { PredictWords } from './predict-options.js';

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

interface Times {
  readonly started: Date;
  load: number;
  writing: number;
}

/** Loads the model, predicts, writes. Result files appear at the end, or not at all. Gives the exit code. */
export async function runPrediction(job: PredictionJob): Promise<number> {
  const stop = new StopSignals(job.inputs.includes('-'));
  let predictor: Predictor | undefined;
  try {
    const times: Times = { started: new Date(), load: 0, writing: 0 };
    predictor = await openPredictor(job, times);
    const summary = await writeResults(job, predictor, times, stop);
    if (!summary) {
      job.log.warn({ event: 'interrupted', signal: stop.signal }, `stopped by ${stop.signal}: nothing was written`);
      return stop.signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    }
    const manifest = await job.directory.finish(describeRun(job, predictor, summary, times));
    reportEnd(job, manifest);
    if (summary.failures.length === 0) return EXIT.done;
    return summary.counts.windowsScored > 0 ? EXIT.partial : EXIT.failed;
  } finally {
    stop.ignore();
    await predictor?.close();
    await job.directory.abort();
  }
}

/** Remembers the first SIGINT or SIGTERM. A second one ends the process as if it had not been caught. */
class StopSignals {
  signal: NodeJS.Signals | undefined;
  readonly #readsStandardInput: boolean;
  readonly #remember = (signal: NodeJS.Signals): void => {
    this.signal = signal;
    this.ignore();
    // Whoever writes to it may pause for as long as it likes, and the run would wait.
    if (this.#readsStandardInput) process.stdin.destroy();
  };

  constructor(readsStandardInput: boolean) {
    this.#readsStandardInput = readsStandardInput;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.#remember);
  }

  ignore(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.#remember);
  }
}

async function openPredictor({ words, model, log }: PredictionJob, times: Times): Promise<Predictor> {
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
  times: Times,
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
      await directory.write(result);
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

function describeRun(job: PredictionJob, predictor: Predictor, summary: RunSummary, times: Times): RunDescription {
  const { words } = job;
  const { model } = predictor;
  const finished = new Date();
  return {
    versions: versions(),
    started: times.started.toISOString(),
    finished: finished.toISOString(),
    commandLine: ['virnucpro', ...process.argv.slice(2)],
    outcome: summary.failures.length > 0 ? 'partial' : 'complete',
    model: {
      name: model.name,
      random: model.random,
      chunkSize: model.chunkSize,
      parts: (['dna', 'protein', 'classifier'] as const).map((role) => {
        const { sha256, dtype, architecture } = model[role];
        return { role, file: `${role}/model.pt`, sha256, dtype, architecture: { ...architecture } };
      }),
    },
    inputs: summary.inputs,
    parameters: {
      threshold: words.threshold,
      minFraction: words.minFraction,
      batchTokens: { dna: predictor.batchTokens.dnabert, protein: predictor.batchTokens.esm },
      precision: words.precision,
      engine: words.engine,
      keepIntermediate: words.keepIntermediate ?? false,
    },
    devices: summary.devices.map(describeDevice),
    counts: summary.counts,
    seconds: secondsByStage(summary, times, finished),
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    warnings: summary.failures.map(
      ({ code, reason, frames }) => `${frames} frames without a score: ${reason} (${code})`,
    ),
  };
}

function describeDevice(usage: WorkerUsage): RunDescription['devices'][number] {
  const { device, precision, threads, batches, frames, dnaTokens, proteinTokens, seconds } = usage;
  return {
    id: device.id,
    name: device.name,
    precision,
    threads,
    batches,
    frames,
    tokens: dnaTokens + proteinTokens,
    busySeconds: seconds.dna + seconds.protein + seconds.classifier,
  };
}

function secondsByStage(summary: RunSummary, times: Times, finished: Date): Record<string, number> {
  const onDevices = (part: keyof WorkerUsage['seconds']): number =>
    summary.devices.reduce((sum, { seconds }) => sum + seconds[part], 0);
  return {
    load: times.load,
    reading: summary.seconds.reading,
    waitingForDevices: summary.seconds.waiting,
    dna: onDevices('dna'),
    protein: onDevices('protein'),
    classifier: onDevices('classifier'),
    writing: times.writing,
    total: (finished.getTime() - times.started.getTime()) / 1000,
  };
}

/** The last words: what came of every record, and where it is. */
function reportEnd({ words, log }: PredictionJob, manifest: RunManifest): void {
  const { counts, seconds, devices, warnings } = manifest;
  for (const warning of warnings) log.warn({ event: 'warning' }, warning);
  for (const { id, batches, frames, tokens, busySeconds } of devices) {
    const rate = busySeconds > 0 ? tokens / busySeconds : 0;
    log.info(
      { event: 'device-summary', device: id, batches, frames, tokens, busySeconds, tokensPerSecond: rate },
      `${id}: ${frames} frames in ${batches} batches, ${tokens} tokens, busy ${busySeconds.toFixed(1)} s, ` +
        `${rate.toFixed(0)} tokens a second`,
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
