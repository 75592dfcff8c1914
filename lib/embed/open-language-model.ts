import type {
  BytePairVocabulary,
  DnabertArchitecture,
  Esm2Architecture,
  NativeBytePairTokenizer,
} from '../engine/addon.js';
import type { LoadedAddon } from '../engine/libtorch/load.js';
import type { LanguageModelPart } from '../engine/pool/embedding-work.js';
import type { DevicePool } from '../engine/pool/pool.js';
import { expected } from '../errors.js';
import { partNames } from '../models/folder/model-folder.js';
import type { AnyModel, OpenedPart } from '../models/folder/model-folder.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { verifyFiles } from '../models/trust/verify.js';
import {
  betterPlan,
  emitDevices,
  emitGrant,
  emitLeftOut,
  emitShippedModel,
  openPool,
  prepareEngine,
} from '../predict/open-pool.js';
import { emitPrecision, planDevices } from '../predict/plan-devices.js';
import type { DevicePlan } from '../predict/plan-devices.js';
import { unlessAborted } from '../unless-aborted.js';
import type { EmbedderOptions, EmbedderSettings } from './options.js';

/** One language model of a model, without its weights. */
export interface LanguageModel {
  readonly model: AnyModel;
  readonly part: LanguageModelPart;
  /** The name that the caller gave; undefined where the model was chosen. */
  readonly named: string | undefined;
  readonly opened: OpenedPart<Esm2Architecture | DnabertArchitecture>;
  /** Of the DNA part. */
  readonly vocabulary: BytePairVocabulary | undefined;
}

/** A language model on its devices. */
export interface LoadedLanguageModel extends LanguageModel {
  readonly pool: DevicePool;
  /** Its devices are those that opened. */
  readonly devices: DevicePlan;
  /** Maximum tokens in a batch. */
  readonly batchTokens: number;
  /** Of the DNA part. */
  readonly tokenizer: NativeBytePairTokenizer | undefined;
}

/** Finds a model that has the part. @throws the signal's reason, and what `openEmbedder` throws about models */
export async function findLanguageModel({
  model: name,
  part,
  models,
  trust = false,
  signal,
}: Pick<EmbedderOptions, 'model' | 'part' | 'models' | 'trust' | 'signal'>): Promise<LanguageModel> {
  const registry = new ModelRegistry(modelsFolder(models));
  const model = await unlessAborted(registry.findAnyTrusted(name, { trust, parts: [part] }), signal);
  const opened = model[part];
  if (opened)
    return {
      model,
      part,
      opened,
      named: name,
      vocabulary: part === 'dna' ? model.tokenizer : undefined,
    };
  const received = `${model.name}, which has ${partNames(model).join(' and ')}`;
  throw expected('VNP_ARGUMENT', `a model with a ${part} part`, '`part`', received, 'Choose the other part or model');
}

/** Loads the part alone on the devices that the settings ask for. */
export async function loadLanguageModel(
  found: LanguageModel,
  { model: settings, handlers }: Pick<EmbedderSettings, 'model' | 'handlers'>,
): Promise<LoadedLanguageModel> {
  const { onEvent, signal } = handlers;
  emitGrant(onEvent);
  const { model, part, opened, vocabulary, named } = found;
  emitShippedModel(named, model, onEvent);
  const loaded = await prepareEngine(handlers);
  const tokenizer = vocabulary && new loaded.addon.BytePairTokenizer(vocabulary);
  const onRead = (bytes: number): void => onEvent({ event: 'checking', model: model.name, bytes });
  await verifyFiles([opened], { onRead, signal });
  const devices = planDevices(loaded, { [part]: opened }, settings);
  emitLeftOut(devices, onEvent);
  return { ...found, tokenizer, ...(await loadOn(loaded, found, devices, { model: settings, handlers })) };
}

async function loadOn(
  loaded: LoadedAddon,
  found: LanguageModel,
  devices: DevicePlan,
  given: Pick<EmbedderSettings, 'model' | 'handlers'>,
): Promise<Pick<LoadedLanguageModel, 'pool' | 'devices' | 'batchTokens'>> {
  const { model, part, opened } = found;
  const { model: settings, handlers } = given;
  const { onEvent } = handlers;
  emitPrecision(devices, settings, onEvent);
  onEvent({ event: 'loading', model: model.name, chunkSize: null, workers: devices.workers.map(({ id }) => id) });
  const pool = await openPool(loaded, { [part]: opened }, devices, settings, handlers);
  const better = betterPlan(pool, devices, { [part]: opened }, settings);
  if (better) {
    await pool.close();
    return loadOn(loaded, found, better, given);
  }
  const batchTokens = { dna: 0, protein: 0, [part]: devices.batchTokens[part] };
  emitDevices(pool, batchTokens, onEvent);
  return { pool, devices, batchTokens: batchTokens[part] };
}
