import { counted } from '../errors.js';
import type { VirnucproError } from '../errors.js';
import { loadAddon } from '../engine/libtorch/load.js';
import { busySeconds, matmulEfficiency } from '../engine/pool/linear-limit.js';
import type { WorkerUsage } from '../engine/pool/worker-usage.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { TABLES } from '../output/files.js';
import type { RunDescription } from '../output/manifest.js';
import type { ResultDirectory } from '../output/result-directory.js';
import { packageVersion } from '../package.js';
import type { PlannedOnDevices, RunPlan } from '../predict/plan.js';
import type { Prediction } from '../predict/prediction.js';
import type { WorkerStatus } from '../predict/run-status.js';
import type { RunSummary } from '../predict/summary.js';
import { peakResidentBytes } from '../process-memory.js';
import { temperatureOf } from '../scoring/frame-scores.js';

/** When a run began, and the seconds that two of its stages took. */
export interface RunTimes {
  readonly started: Date;
  /** The same in milliseconds of `performance.now()`, which no adjustment of the clock affects. */
  readonly start: number;
  readonly load: number;
  writing: number;
}

/** What run.json says about a finished run. */
export function describeRun(
  { model, triage, settings, results, devices }: PlannedOnDevices<RunPlan>,
  prediction: Prediction,
  times: RunTimes,
  { commandLine, formats }: { commandLine: readonly string[]; formats: ResultDirectory['formats'] },
): RunDescription {
  const { summary } = prediction;
  const { workers } = prediction.status();
  return {
    versions: { virnucpro: packageVersion, libtorch: loadAddon().libtorch.version, node: process.versions.node },
    started: times.started.toISOString(),
    finished: new Date().toISOString(),
    commandLine,
    workingDirectory: process.cwd(),
    outcome: summary.stopped
      ? 'stopped'
      : summary.failures.length + summary.counts.invalid > 0
        ? 'partial'
        : 'complete',
    model: describeModel(model),
    triage: triage ? describeTriage(triage, results, summary) : null,
    inputs: summary.inputs,
    parameters: {
      ...results.rule,
      temperature: prediction.temperature,
      batchTokens: devices.batchTokens,
      precision: settings.precision,
      engine: settings.engine,
      keepIntermediate: results.sequences,
      saveEmbeddings: results.embeddings,
      tables: formats.tables,
      embeddingsFormat: formats.embeddings,
    },
    devices: summary.devices.map((usage, index) => describeDevice(usage, workers[index]!)),
    counts: summary.counts,
    framesFromJournal: summary.framesJournaled,
    seconds: secondsByStage(summary, times),
    peakResidentBytes: peakResidentBytes(),
    warnings: warningsOf(summary, TABLES[formats.tables][0].name),
  };
}

function describeTriage(
  { model, rule }: NonNullable<RunPlan['triage']>,
  { calibration }: RunPlan['results'],
  { triage: { framesFailed } }: RunSummary,
): NonNullable<RunDescription['triage']> {
  const temperatures = { ruleTemperature: temperatureOf(model, true), temperature: temperatureOf(model, calibration) };
  return { model: describeModel(model), ...rule, ...temperatures, framesFailed };
}

/** What run.json says about a model. */
export function describeModel(model: OpenedModel): RunDescription['model'] {
  const { name, random, shipped, chunkSize } = model;
  const parts = (['dna', 'protein', 'classifier'] as const).map((role) => {
    const { sha256, dtype, architecture } = model[role];
    return { role, file: `${role}/model.pt`, sha256, dtype, architecture: { ...architecture } };
  });
  return { name, random, shipped, card: model.card?.path ?? null, chunkSize, parts };
}

function warningsOf(
  { stopped, devices, failures, triage, counts, warnings }: RunSummary,
  contigsTable: string,
): string[] {
  return [
    ...(stopped ? [stoppedWarning(stopped)] : []),
    ...devices.flatMap(({ id, lost }) => (lost === undefined ? [] : [`${id} was lost during the run: ${lost}`])),
    ...warnings,
    ...(counts.invalid > 0 ? [invalidWarning(counts.invalid, contigsTable)] : []),
    ...byReason(failures).map(([reason, frames]) => `${counted(frames, 'frame')} without a score: ${reason}`),
    ...byReason(triage.failures).map(
      ([reason, frames]) =>
        `${counted(frames, 'frame')} without a triage score; ${frames === 1 ? 'its window' : 'their windows'} went to the run's model: ${reason}`,
    ),
  ];
}

/** How many frames failed for each reason. */
function byReason(failures: RunSummary['failures']): [reason: string, frames: number][] {
  const sums = new Map<string, number>();
  for (const { code, reason, frames } of failures) {
    const text = `${reason} (${code})`;
    sums.set(text, (sums.get(text) ?? 0) + frames);
  }
  return [...sums];
}

function invalidWarning(count: number, contigsTable: string): string {
  return `${counted(count, 'invalid record')}, for which nothing was computed; ${contigsTable} says why`;
}

/** @param stopped its cause is the signal's name if a signal stopped the run */
function stoppedWarning({ cause, code, message }: VirnucproError): string {
  const end = 'before the end of the input';
  return typeof cause === 'string' ? `stopped by ${cause} ${end} (${code})` : `stopped ${end}: ${message} (${code})`;
}

function describeDevice(usage: WorkerUsage, { memory }: WorkerStatus): RunDescription['devices'][number] {
  const { id, device, precision, threads, batches, frames, dnaTokens, proteinTokens, seconds, limit, lost } = usage;
  const tokens = dnaTokens + proteinTokens;
  const busy = busySeconds(seconds);
  return {
    id,
    name: device.name,
    precision,
    threads,
    batches,
    frames,
    tokens,
    busySeconds: busy,
    tokensPerSecond: busy > 0 ? tokens / busy : 0,
    matmulEfficiency: limit ? matmulEfficiency(usage, limit) : null,
    memoryPeakBytes: memory?.peak ?? 0,
    memoryTotalBytes: memory?.total ?? device.memoryTotal,
    lost: lost ?? null,
  };
}

function secondsByStage(summary: RunSummary, times: RunTimes): Record<string, number> {
  const onDevices = (part: 'dna' | 'protein' | 'classifier'): number =>
    summary.devices.reduce((sum, { seconds }) => sum + seconds[part], 0);
  return {
    load: times.load,
    reading: summary.seconds.reading,
    waitingForDevices: summary.seconds.waiting,
    dna: onDevices('dna'),
    protein: onDevices('protein'),
    classifier: onDevices('classifier'),
    writing: times.writing,
    total: (performance.now() - times.start) / 1000,
  };
}
