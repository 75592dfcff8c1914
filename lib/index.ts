/**
 * The public API: the only module that a user imports.
 *
 * ```ts
 * const predictor = await open({ model: 'virnucpro-500' });
 * for await (const result of predictor.predict('contigs.fa')) {
 *   if (result.kind === 'contig') console.log(result.contig, result.verdict);
 * }
 * await predictor.close();
 * ```
 */
import './supported-node.js';
import { loadAddon } from './engine/libtorch/load.js';
import { packageVersion } from './package.js';
import { Predictor } from './predict/predictor.js';
import type { OpenOptions } from './predict/options.js';

/**
 * Loads a model on its devices. Takes as long as reading the weights does. Close the predictor to have the memory back;
 * one that is left open does not keep the process alive.
 * @throws VirnucproError VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED, VNP_LIBTORCH, VNP_DEVICE,
 *   VNP_MEMORY, VNP_ARGUMENT
 */
export async function open(options: OpenOptions = {}): Promise<Predictor> {
  return await Predictor.open(options);
}

/**
 * The versions of this program and of the libtorch that it runs on.
 * @throws VirnucproError VNP_LIBTORCH
 */
export function versions(): { virnucpro: string; libtorch: string; node: string } {
  return { virnucpro: packageVersion, libtorch: loadAddon().libtorch.version, node: process.versions.node };
}

export { packageVersion } from './package.js';
export type { Predictor, Prediction } from './predict/predictor.js';
export { EmbeddingClassifier } from './predict/embedding-classifier.js';
export type { ClassifierOptions } from './predict/embedding-classifier.js';
export type { OpenOptions, PredictOptions, TriageChoice } from './predict/options.js';
export { inspectTriage } from './predict/triage-model.js';
export type { InspectedTriage } from './predict/triage-model.js';
export type { TriageRule } from './predict/triage-rule.js';
export {
  DEFAULT_DEVICE_TIMEOUT,
  DEFAULT_MEMORY_WARNING,
  DEFAULT_PROGRESS_INTERVAL,
  MAX_DEVICE_TIMEOUT,
  MAX_BATCH_TOKENS,
  MAX_THREADS,
  MAX_WORKERS,
} from './predict/options.js';
export type * from './predict/events.js';
export type { RunningBatch, RunStatus, WorkerMemory, WorkerStatus } from './predict/run-status.js';
export type { PoolEvent } from './engine/pool/pool-events.js';
export type { DeviceChoice } from './engine/devices/choose-devices.js';
export { DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD } from './predict/calls.js';
export type { BatchFailure, FailedPart, RunSummary } from './predict/summary.js';
export type { RunCounts } from './predict/run-counts.js';
export type {
  ContigResult,
  ContigStatus,
  ContigVerdict,
  FrameScore,
  PredictionResult,
  WindowResult,
  WindowStatus,
} from './predict/results.js';
export type { FrameName, Orf } from './windows/open-reading-frames.js';
export type { StoredSequence } from './input/record.js';
export { checkInputs, inputStem } from './input/input-files.js';
export type { CheckOptions, InputFile } from './input/input-files.js';
export { VirnucproError } from './errors.js';
export type { ErrorCode } from './errors.js';
export { DEFAULT_PRECISION, PRECISIONS } from './engine/devices/choose-devices.js';
export type { PrecisionChoice } from './engine/devices/choose-devices.js';
export type { NativeDevice } from './engine/addon.js';
export { checkJournal } from './journal/run-journal.js';
export type { JournalContent } from './journal/run-journal.js';
export { NO_TRIAGE } from './journal/journal-key.js';
export type { RunKey, TriageKey } from './journal/journal-key.js';
export type { WorkerDescription, WorkerUsage } from './engine/pool/pool-worker.js';
export { busySeconds, matmulEfficiency } from './engine/pool/linear-limit.js';
export type { LinearLimit, LinearWork } from './engine/pool/linear-limit.js';
export { createRandomModel, importModel, inspectModel, listModels, removeModel, trustModel } from './models/library.js';
export type {
  ImportOptions,
  InspectOptions,
  ListedModel,
  ModelsLocation,
  RandomOptions,
  TrustOptions,
} from './models/library.js';
export { DEFAULT_CHUNK_SIZE, DEFAULT_DNA_SIZE, DEFAULT_SEED } from './models/random/random-model.js';
export type { InspectedModel, InspectedPart } from './models/library.js';
export type { OpenedModel, OpenedPart } from './models/folder/model-folder.js';
export { SHIPPED_DEFAULT } from './models/registry.js';
export { temperatureOf, UNCALIBRATED } from './predict/calibration.js';
export type { Calibration, TriageThresholds } from './models/folder/annotations.js';
export type { ModelCard } from './models/folder/annotations.js';
export { DNABERT_SIZES, ESM2_SIZES } from './models/random/published-sizes.js';
export type { ModelProgress, OnModelProgress } from './models/folder/write-model.js';
export { devices } from './diagnosis/device-list.js';
export type { DeviceList, ListedDevice } from './diagnosis/device-list.js';
export { diagnose } from './diagnosis/diagnose.js';
export type { DiagnoseOptions } from './diagnosis/diagnose.js';
export type { Check, CheckStatus } from './diagnosis/check.js';
export type { CudaState } from './engine/libtorch/load.js';
export { benchmark } from './benchmark/benchmark.js';
export {
  BENCHMARK_WINDOWS,
  DEFAULT_BENCHMARK_BATCH_TOKENS,
  DEFAULT_BENCHMARK_SEQUENCES,
  MAX_BENCHMARK_SEQUENCES,
  MAX_REPEATS,
} from './benchmark/benchmark-options.js';
export type { BenchmarkOptions } from './benchmark/benchmark-options.js';
export type { BenchmarkProgress } from './benchmark/benchmark-options.js';
export { BENCHMARK_FIELDS } from './benchmark/report.js';
export type { BenchmarkField, BenchmarkReport } from './benchmark/report.js';
