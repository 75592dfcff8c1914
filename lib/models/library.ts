import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareAddon } from '../engine/libtorch/load.js';
import { reasonOf } from '../errors.js';
import { checkChoice, checkKind, checkNames, isFlag, isFunction, isSignal, isText, namesOf } from '../option-checks.js';
import { endedBy } from '../unless-aborted.js';
import { DATA_TYPES } from '../engine/addon.js';
import type { Architecture, DataType } from '../engine/addon.js';
import { importModel as importInto } from './import/import-model.js';
import type { EmbeddingImportRequest, ImportRequest } from './import/import-model.js';
import { randomModel as randomInto } from './random/random-model.js';
import type { EmbeddingRandomRequest, RandomRequest } from './random/random-model.js';
import { ModelRegistry, modelsFolder } from './registry.js';
import type { ModelPlace } from './registry.js';
import type { VerifyOptions } from './trust/verify.js';
import type { ModelCard, TriageThresholds } from './folder/annotations.js';
import { partNames } from './folder/model-folder.js';
import type { AnyModel, OpenedModel, OpenedPart, PartName } from './folder/model-folder.js';

/** Where models are installed. */
export interface ModelsLocation {
  /** Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string | undefined;
}

const LOCATION_OPTIONS = namesOf<ModelsLocation>({ models: true });

/** @throws VirnucproError VNP_ARGUMENT */
function checkOptions(options: ModelsLocation, names: readonly string[], call: string): void {
  checkNames(names, options, call);
  checkKind('models', options.models, 'the path of a folder', isText);
}

function registryAt({ models }: ModelsLocation): ModelRegistry {
  return new ModelRegistry(modelsFolder(models));
}

/** A model, described, or with what is wrong with it. */
export interface ListedModel extends ModelPlace {
  /** Absent if it is damaged. */
  readonly model?: InspectedModel;
  /** What is wrong with it; absent if it is intact. */
  readonly problem?: string;
}

/**
 * Lists the installed and the shipped models; a damaged one has `problem` instead of `model`. No code in them is run.
 * @throws VirnucproError VNP_ARGUMENT
 */
export async function listModels(location: ModelsLocation = {}): Promise<ListedModel[]> {
  checkOptions(location, LOCATION_OPTIONS, 'listModels');
  const registry = registryAt(location);
  return Promise.all(
    (await registry.listAll()).map(async ({ name, shipped }) => {
      try {
        return { name, shipped, model: await inspectFrom(registry, name) };
      } catch (error) {
        return { name, shipped, problem: reasonOf(error) };
      }
    }),
  );
}

/** Where to look for the model, and whether one that is not trusted is refused. */
export interface InspectOptions extends ModelsLocation {
  /**
   * If given, a model that `open` would refuse with this value is refused here, too. Without it, any model is
   * inspected.
   */
  readonly trust?: boolean;
}

const INSPECT_OPTIONS = namesOf<InspectOptions>({ models: true, trust: true });

/**
 * Describes one model, without running code of it; without a name, the one that `open` would choose.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED (see
 *   InspectOptions.trust)
 */
export async function inspectModel(name: string | undefined, options: InspectOptions = {}): Promise<InspectedModel> {
  checkOptions(options, INSPECT_OPTIONS, 'inspectModel');
  checkKind('trust', options.trust, 'true or false', isFlag);
  return inspectFrom(registryAt(options), name, options);
}

async function inspectFrom(
  registry: ModelRegistry,
  name: string | undefined,
  { trust }: InspectOptions = {},
): Promise<InspectedModel> {
  const model = await (trust === undefined ? registry.findAny(name) : registry.findAnyTrusted(name, { trust }));
  return describeModel(model, await registry.isTrusted(model));
}

/** Where the model is, and what is told while its archives are read. */
export type TrustOptions = ModelsLocation & Pick<VerifyOptions, 'onRead'>;

const TRUST_OPTIONS = namesOf<TrustOptions>({ models: true, onRead: true });

/**
 * Records that a model that was not made here may be loaded as it is now. First compares its archives, which are code,
 * with the hashes in its `pipeline.json`. `onRead` is called with their size in bytes when reading them takes a while.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_OUTPUT
 */
export async function trustModel(name: string, given: TrustOptions = {}): Promise<AnyModel> {
  checkOptions(given, TRUST_OPTIONS, 'trustModel');
  checkKind('onRead', given.onRead, 'a function', isFunction);
  const { models, ...options } = given;
  return registryAt({ models }).trust(name, options);
}

/**
 * Deletes an installed model.
 * @throws VirnucproError VNP_ARGUMENT, VNP_MODEL_MISSING, VNP_USAGE for one that came with this program
 */
export async function removeModel(name: string, location: ModelsLocation = {}): Promise<void> {
  checkOptions(location, LOCATION_OPTIONS, 'removeModel');
  await registryAt(location).remove(name);
}

type OfLibrary<Request> = Omit<Request, 'registry' | 'addon'> & ModelsLocation;

/** Makes a model for predictions: see ImportRequest. */
export type ImportOptions = OfLibrary<ImportRequest>;
/** Makes a model that has one language model or both, for embeddings: see EmbeddingImportRequest. */
export type EmbeddingImportOptions = OfLibrary<EmbeddingImportRequest>;

const IMPORT_OPTIONS = namesOf<ImportOptions & EmbeddingImportOptions>({
  name: true,
  protein: true,
  dna: true,
  classifier: true,
  chunkSize: true,
  calibration: true,
  dtype: true,
  card: true,
  overwrite: true,
  models: true,
  onProgress: true,
  signal: true,
});

/** What both ways of making a model have. @throws VirnucproError VNP_ARGUMENT */
function checkMaking({
  protein,
  dna,
  overwrite,
  onProgress,
  signal,
}: ImportOptions | EmbeddingImportOptions | RandomOptions | EmbeddingRandomOptions): void {
  checkKind('protein', protein, 'a string', isText);
  checkKind('dna', dna, 'a string', isText);
  checkKind('overwrite', overwrite, 'true or false', isFlag);
  checkKind('onProgress', onProgress, 'a function', isFunction);
  checkKind('signal', signal, 'an AbortSignal', isSignal);
}

/**
 * Installs a model made of published checkpoints.
 * @throws VirnucproError VNP_ARGUMENT, VNP_CHECKPOINT, VNP_USAGE, VNP_OUTPUT, VNP_LIBTORCH; the signal's reason
 */
export async function importModel(options: ImportOptions): Promise<OpenedModel>;
export async function importModel(options: ImportOptions | EmbeddingImportOptions): Promise<AnyModel>;
export async function importModel(given: ImportOptions | EmbeddingImportOptions): Promise<AnyModel> {
  checkOptions(given, IMPORT_OPTIONS, 'importModel');
  checkMaking(given);
  checkChoice('dtype', given.dtype, ['keep', ...DATA_TYPES]);
  const { models, ...options } = given;
  const { classifier, card, calibration, signal } = options;
  for (const [option, path] of Object.entries({ classifier, card, calibration })) {
    checkKind(option, path, 'a path', isText);
  }
  const { addon } = await prepareAddon(signal);
  return endedBy(signal, importInto({ ...options, registry: registryAt({ models }), addon }));
}

/** Makes a model for predictions: see RandomRequest. */
export type RandomOptions = OfLibrary<RandomRequest>;
/** Makes a model that has one language model or both, for embeddings: see EmbeddingRandomRequest. */
export type EmbeddingRandomOptions = OfLibrary<EmbeddingRandomRequest>;

const RANDOM_OPTIONS = namesOf<RandomOptions & Omit<EmbeddingRandomOptions, 'classifier'>>({
  name: true,
  protein: true,
  dna: true,
  classifier: true,
  chunkSize: true,
  seed: true,
  dtype: true,
  overwrite: true,
  models: true,
  onProgress: true,
  signal: true,
});

/**
 * Installs a model with random weights, to try things out.
 * @throws VirnucproError VNP_ARGUMENT, VNP_USAGE, VNP_OUTPUT, VNP_LIBTORCH; the signal's reason
 */
export async function createRandomModel(options: RandomOptions): Promise<OpenedModel>;
export async function createRandomModel(options: RandomOptions | EmbeddingRandomOptions): Promise<AnyModel>;
export async function createRandomModel(given: RandomOptions | EmbeddingRandomOptions): Promise<AnyModel> {
  checkOptions(given, RANDOM_OPTIONS, 'createRandomModel');
  checkMaking(given);
  checkKind('classifier', given.classifier, 'true or false', isFlag);
  checkChoice('dtype', given.dtype, DATA_TYPES);
  const { models, ...options } = given;
  const { signal } = options;
  const { addon } = await prepareAddon(signal);
  return endedBy(signal, randomInto({ ...options, registry: registryAt({ models }), addon }));
}

/** One part of a model, for printing. */
export interface InspectedPart {
  /** Its role: `dna`, `protein` or `classifier`. */
  readonly part: PartName;
  /** `esm2`, `dnabert2` or `classifier`. */
  readonly family: Architecture['family'];
  /** Layers, widths and so on, by name. */
  readonly architecture: Architecture;
  /** Number of values. */
  readonly parameters: number;
  /** Data type of the stored values. */
  readonly dtype: DataType;
  /** Name of the checkpoint or size that it was made from. */
  readonly source: string;
  /** SHA-256 of that checkpoint, hexadecimal; null when random. */
  readonly sourceSha256: string | null;
  /** Path of the TorchScript archive. */
  readonly archive: string;
  /** Of the archive, hexadecimal. */
  readonly sha256: string;
  /** Size of the archive. */
  readonly bytes: number;
  /** The program and version that wrote the archive. */
  readonly createdBy: string;
}

/** A file of a model's folder. */
export interface ModelFile {
  /** Within the folder. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
}

/** A model, for printing. */
export interface InspectedModel {
  /** Name that `open` finds it by. */
  readonly name: string;
  /** Path of its folder. */
  readonly folder: string;
  /** Chunk size: bases of a window. Absent in a model that makes embeddings only. */
  readonly chunkSize?: number;
  /** Whether its weights are random, so that its scores and embeddings mean nothing. */
  readonly random: boolean;
  /** Whether it came with this program. */
  readonly shipped: boolean;
  /** Its card: what it was trained on and what it can do. Absent if nobody has written one. */
  readonly card?: ModelCard;
  /** Calibrated scores are softmax(logits / temperature); absent in a model that was not calibrated. */
  readonly temperature?: number;
  /** Which of its calibrated window scores leave no doubt, by chunk size; usually empty. */
  readonly triage: readonly TriageThresholds[];
  /** Whether it is shipped, or was made here or recorded as trusted and has not changed since; see SECURITY.md. */
  readonly trusted: boolean;
  /** Tokens of the DNA tokenizer. Absent without a DNA part. */
  readonly tokens?: number;
  /** All three, or only one or both language models of a model that makes embeddings only. */
  readonly parts: readonly InspectedPart[];
  /** Every file of the folder. */
  readonly files: readonly ModelFile[];
  /** Size of all files together. */
  readonly bytes: number;
}

/** Everything about a model, as one plain object. */
export async function describeModel(model: AnyModel, trusted: boolean): Promise<InspectedModel> {
  const files = await filesOf(model.folder);
  const { chunkSize, temperature, triage = [] }: Partial<OpenedModel> = model.classifier ? model : {};
  return {
    name: model.name,
    folder: model.folder,
    ...(chunkSize !== undefined && { chunkSize }),
    random: model.random,
    shipped: model.shipped,
    ...(model.card && { card: model.card }),
    ...(temperature !== undefined && { temperature }),
    triage,
    trusted,
    ...(model.tokenizer && { tokens: model.tokenizer.tokens.length }),
    parts: partNames(model).map((part) => inspectPart(part, model[part]!)),
    files,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function inspectPart(part: PartName, opened: OpenedPart<Architecture>): InspectedPart {
  const { architecture, parameters, dtype, source, path, sha256, bytes, createdBy } = opened;
  return {
    part,
    family: architecture.family,
    architecture,
    parameters,
    dtype,
    source: source.name,
    sourceSha256: source.sha256,
    archive: path,
    sha256,
    bytes,
    createdBy,
  };
}

async function filesOf(folder: string): Promise<{ path: string; bytes: number }[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.sort().map(async (path) => ({ path, bytes: (await stat(path)).size })));
}
