import { loadAddon } from '../engine/load.js';
import { reasonOf } from '../errors.js';
import { importModel as importInto } from './import.js';
import type { ImportRequest } from './import.js';
import { inspectModel as inspectOpened } from './inspect.js';
import type { InspectedModel } from './inspect.js';
import type { OpenedModel } from './pipeline.js';
import { randomModel as randomInto } from './random.js';
import type { RandomRequest } from './random.js';
import { ModelRegistry, modelsFolder } from './registry.js';

/** Where the installed models lie. */
export interface ModelsLocation {
  /** Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string | undefined;
}

function registryAt({ models }: ModelsLocation): ModelRegistry {
  return new ModelRegistry(modelsFolder(models));
}

/** The installed models by name; one that is damaged is there with what is wrong. */
export async function listModels(
  location: ModelsLocation = {},
): Promise<{ name: string; model?: InspectedModel; problem?: string }[]> {
  const registry = registryAt(location);
  return Promise.all(
    (await registry.list()).map(async (name) => {
      try {
        return { name, model: await inspectOpened(await registry.find(name)) };
      } catch (error) {
        return { name, problem: reasonOf(error) };
      }
    }),
  );
}

/** @throws VirnucproError VNP_MODEL_MISSING, VNP_MODEL_INVALID */
export async function inspectModel(name: string | undefined, location: ModelsLocation = {}): Promise<InspectedModel> {
  return inspectOpened(await registryAt(location).find(name));
}

/** @throws VirnucproError VNP_MODEL_MISSING */
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
