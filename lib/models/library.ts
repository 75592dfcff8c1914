import { loadAddon } from '../engine/libtorch/load.js';
import { reasonOf } from '../errors.js';
import { importModel as importInto } from './import.js';
import type { ImportRequest } from './import.js';
import { inspectModel as inspectOpened } from './inspect.js';
import type { InspectedModel } from './inspect.js';
import type { OpenedModel } from './pipeline.js';
import { randomModel as randomInto } from './random.js';
import type { RandomRequest } from './random.js';
import { ModelRegistry, modelsFolder, type ModelPlace } from './registry.js';
import type { VerifyOptions } from './verify.js';

/** Where the installed models lie. */
export interface ModelsLocation {
  /** Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string | undefined;
}

function registryAt({ models }: ModelsLocation): ModelRegistry {
  return new ModelRegistry(modelsFolder(models));
}

/** A model that there is: what it is, or what is wrong with it. */
export interface ListedModel extends ModelPlace {
  readonly model?: InspectedModel;
  readonly problem?: string;
}

/** The models by name, installed and shipped with this program; one that is damaged is there with what is wrong. Nothing of them is run. */
export async function listModels(location: ModelsLocation = {}): Promise<ListedModel[]> {
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

export interface InspectOptions extends ModelsLocation {
  /** Where it is given, a model that `open` would refuse with it is refused here. Any model is inspected without it. */
  readonly trust?: boolean;
}

/** @throws VirnucproError VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED (see InspectOptions.trust) */
export async function inspectModel(name: string | undefined, options: InspectOptions = {}): Promise<InspectedModel> {
  return inspectFrom(registryAt(options), name, options);
}

async function inspectFrom(
  registry: ModelRegistry,
  name: string | undefined,
  { trust }: InspectOptions = {},
): Promise<InspectedModel> {
  const model = await (trust === undefined ? registry.find(name) : registry.findTrusted(name, { trust }));
  return inspectOpened(model, await registry.isTrusted(model));
}

export type TrustOptions = ModelsLocation & Pick<VerifyOptions, 'onRead'>;

/**
 * Records that a model which was not made here may be loaded, as it is now: its archives, which are code, were compared
 * with the hashes in its `pipeline.json`. `onRead` is called with their bytes when reading them takes a while.
 * @throws VirnucproError VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_OUTPUT
 */
export async function trustModel(name: string, { models, ...options }: TrustOptions = {}): Promise<OpenedModel> {
  return registryAt({ models }).trust(name, options);
}

/** @throws VirnucproError VNP_MODEL_MISSING, VNP_USAGE for one that came with this program */
export async function removeModel(name: string, location: ModelsLocation = {}): Promise<void> {
  await registryAt(location).remove(name);
}

export type ImportOptions = Omit<ImportRequest, 'registry' | 'addon'> & ModelsLocation;

/** See ImportOptions. @throws VirnucproError VNP_CHECKPOINT, VNP_USAGE, VNP_OUTPUT, VNP_LIBTORCH */
export async function importModel({ models, ...options }: ImportOptions): Promise<OpenedModel> {
  return importInto({ ...options, registry: registryAt({ models }), addon: loadAddon().addon });
}

export type RandomOptions = Omit<RandomRequest, 'registry' | 'addon'> & ModelsLocation;

/** See RandomOptions. @throws VirnucproError VNP_USAGE, VNP_OUTPUT, VNP_LIBTORCH */
export async function createRandomModel({ models, ...options }: RandomOptions): Promise<OpenedModel> {
  return randomInto({ ...options, registry: registryAt({ models }), addon: loadAddon().addon });
}
