/**
 * The public API: users import this module and, for the rest, `virnucpro/models`, `virnucpro/diagnostics` and
 * `virnucpro/benchmark`.
 *
 * ```ts
 * const predictor = await open({ model: 'virnucpro-500' });
 * for await (const result of predictor.predict('contigs.fa')) {
 *   if (result.kind === 'contig') console.log(result.contig, result.verdict);
 * }
 * await writeResults(predictor.predict('more-contigs.fa'), 'results');
 * await predictor.close();
 * ```
 */
import './supported-node.js';
import { loadAddon } from './engine/libtorch/load.js';
import { packageVersion } from './package.js';
import type { Versions } from './package.js';
import type { OpenHandlers, OpenOptions } from './predict/options.js';
import type { RunPlan } from './predict/plan.js';
import { Predictor } from './predict/predictor.js';

/**
 * Loads a model on its devices, by options or by a plan from `prepare`, which leaves only OpenHandlers to choose. Takes
 * as long as reading the weights. Close the predictor to free its memory; an open one does not keep the process alive.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED,
 *   VNP_LIBTORCH, VNP_DEVICE, VNP_DEVICE_LOST, VNP_MEMORY, VNP_THREADS, VNP_WRONG_NUMBERS, VNP_NATIVE; the signal's
 *   reason
 */
export async function open(options?: OpenOptions): Promise<Predictor>;
export async function open(plan: RunPlan, handlers?: OpenHandlers): Promise<Predictor>;
export async function open(given: OpenOptions | RunPlan = {}, handlers?: OpenHandlers): Promise<Predictor> {
  return await Predictor.open(given, handlers);
}

/**
 * The versions of this program, its libtorch and Node. Blocks while it loads libtorch, for half a second or more, unless
 * that is loaded already, as after `open`.
 * @throws VirnucproError VNP_LIBTORCH
 */
export function versions(): Versions {
  return { virnucpro: packageVersion, libtorch: loadAddon().libtorch.version, node: process.versions.node };
}

export { packageVersion } from './package.js';
export type { Versions } from './package.js';
export { VirnucproError } from './errors.js';
export type { ErrorCode } from './errors.js';
export { checkInputs } from './input/input-files.js';
export type { CheckOptions, InputFile } from './input/input-files.js';
export { prepare } from './predict/plan.js';
export type { PrepareOptions, RunPlan } from './predict/plan.js';
export { describePlan } from './predict/describe-plan.js';
export type { Predictor, SequencePrediction, TriageInUse } from './predict/predictor.js';
export type { Prediction } from './predict/prediction.js';
export type {
  OpenHandlers,
  OpenOptions,
  PredictOptions,
  RunHandlers,
  SourceOptions,
  TriageChoice,
} from './predict/options.js';
export type { InputRecord, InputRecords, MemoryLetters } from './input/memory-records.js';
export type { ByteStream } from './input/record-source.js';
export type { DeviceChoice, PrecisionChoice } from './engine/devices/choose-devices.js';
export { openEmbedder } from './embed/embedder.js';
export type { EmbedOptions, EmbedTokensOptions, Embedder, Embedding } from './embed/embedder.js';
export type { EmbedderOptions, VectorPool } from './embed/options.js';
export type { LongSequences } from './embed/record-pieces.js';
export type { EmbeddingRecord } from './embed/record-progress.js';
export type { AnyModel, EmbeddingModel } from './models/folder/model-folder.js';
export { writeResults } from './results/write-results.js';
export type { WriteResultsOptions } from './results/write-results.js';
export type { RunManifest } from './output/manifest.js';
export type { ContigResult, FrameScore, PredictionResult, WindowResult } from './scoring/results.js';
export type { RunSummary } from './predict/summary.js';
export type { RunEvent } from './predict/events.js';
export type { Logger } from './predict/logger.js';
export type { RunStatus } from './predict/run-status.js';
