/** What the command line needs beyond the public API. Not stable: it may change in any release. */
export { matmulEfficiency } from './engine/pool/linear-limit.js';
export { DEFAULT_PRECISION, PRECISIONS } from './engine/devices/choose-devices.js';
export { SHIPPED_DEFAULT } from './models/registry.js';
export { temperatureOf, UNCALIBRATED } from './scoring/frame-scores.js';
export { DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD } from './scoring/calls.js';
export {
  DEFAULT_DEVICE_TIMEOUT,
  DEFAULT_MEMORY_WARNING,
  DEFAULT_PROGRESS_INTERVAL,
  MAX_BATCH_TOKENS,
  MAX_DEVICE_TIMEOUT,
  MAX_THREADS,
  MAX_WORKERS,
} from './predict/options.js';
export { planOnDevices, planRun, resumedPlan } from './predict/plan.js';
export { describeModel } from './results/run-description.js';
export { checkResults, openResults, writeInto } from './results/write-results.js';
export { EmbeddingRun } from './embed/embedding-run.js';
export type { EmbeddingCounts, EmbeddingRunOptions } from './embed/embedding-run.js';
export type { EmbeddingJournal } from './embed/embedding-dispatcher.js';
export { findLanguageModel, loadLanguageModel } from './embed/open-language-model.js';
export type { LanguageModel, LoadedLanguageModel } from './embed/open-language-model.js';
export { checkLayer, DEFAULT_MAX_LENGTH, resolveEmbedderOptions, VECTOR_POOLS } from './embed/options.js';
export { LONG_SEQUENCES } from './embed/record-pieces.js';
export type { ReadingRules } from './embed/record-pieces.js';
export { SequenceEncoder } from './embed/sequence-encoder.js';
export type { StatesRequest } from './embed/sequence-states.js';
export type { FileFormats } from './results/write-results.js';
