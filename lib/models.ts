/** The entry `virnucpro/models`: installs, inspects and removes models, and runs a model's classifier on its own. */
import './supported-node.js';

export { createRandomModel, importModel, inspectModel, listModels, removeModel, trustModel } from './models/library.js';
export type {
  EmbeddingImportOptions,
  EmbeddingRandomOptions,
  ImportOptions,
  InspectedModel,
  InspectedPart,
  InspectOptions,
  ListedModel,
  ModelsLocation,
  RandomOptions,
  TrustOptions,
} from './models/library.js';
export type { Calibration, ModelCard, TriageThresholds } from './models/folder/annotations.js';
export type { AnyModel, EmbeddingModel, OpenedModel, OpenedPart } from './models/folder/model-folder.js';
export { DNABERT_SIZES, ESM2_SIZES } from './models/random/published-sizes.js';
export { DEFAULT_CHUNK_SIZE, DEFAULT_DNA_SIZE, DEFAULT_SEED } from './models/random/random-model.js';
export { SHIPPED_DEFAULT } from './models/registry.js';
export type { ModelProgress, OnModelProgress } from './models/folder/write-model.js';
export { EmbeddingClassifier } from './predict/embedding-classifier.js';
export type { ClassifierOptions } from './predict/embedding-classifier.js';
