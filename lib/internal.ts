/** What the command line needs beyond the public API. Not stable: it may change in any release. */
export { DATA_TYPES, ENGINES } from './engine/addon.js';
export type { DataType, Engine } from './engine/addon.js';
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
export type { FileFormats } from './results/write-results.js';
export { loadLanguageModel } from './embed/open-language-model.js';
export { DEFAULT_MAX_LENGTH, MAX_MAX_LENGTH } from './embed/options.js';
export { LONG_SEQUENCES } from './embed/record-pieces.js';
export type { LongSequences } from './embed/record-pieces.js';
export { EMBEDDING_FORMATS } from './embedding-files/formats.js';
export type { EmbeddingFormat } from './embedding-files/formats.js';
export { completeEmbeddings } from './embedding-runs/manifest.js';
export type { EmbeddingManifest } from './embedding-runs/manifest.js';
export { journalPath, OutputPlace } from './embedding-runs/output-place.js';
export { planEmbeddings, resumedEmbeddings } from './embedding-runs/plan.js';
export type { EmbeddingPlan } from './embedding-runs/plan.js';
export { checkWriter, EmbeddingJob } from './embedding-runs/write-embeddings.js';
