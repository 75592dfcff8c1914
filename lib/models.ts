/** The entry `virnucpro/models`: models to be installed, looked at and removed, and the classifier of one alone. */
import './supported-node.js';

export { createRandomModel, importModel, inspectModel, listModels, removeModel, trustModel } from './models/library.js';
export type {
  ImportOptions,
  InspectOptions,
  ListedModel,
  ModelsLocation,
  RandomOptions,
  TrustOptions,
} from './models/library.js';
export type { Calibration, TriageThresholds } from './models/calibration.js';
export type { ModelCard } from './models/card.js';
export type { InspectedModel, InspectedPart } from './models/inspect.js';
export type { OpenedModel, OpenedPart } from './models/pipeline.js';
export { DNABERT_SIZES, ESM2_SIZES } from './models/published-sizes.js';
export { DEFAULT_CHUNK_SIZE, DEFAULT_DNA_SIZE, DEFAULT_SEED } from './models/random.js';
export { SHIPPED_DEFAULT } from './models/shipped.js';
export type { ModelProgress, OnModelProgress } from './models/write-model.js';
export { EmbeddingClassifier } from './predict/embedding-classifier.js';
export type { ClassifierOptions } from './predict/embedding-classifier.js';
