import type {
  BytePairVocabulary,
  DnabertArchitecture,
  Esm2Architecture,
  NativeBytePairTokenizer,
} from '../engine/addon.js';
import { precisionOf } from '../engine/devices/choose-devices.js';
import type { LoadedAddon } from '../engine/libtorch/load.js';
import { prepareAddon } from '../engine/libtorch/load.js';
import type { LanguageModelPart } from '../engine/pool/embedding-work.js';
import { DevicePool } from '../engine/pool/pool.js';
import { expected } from '../errors.js';
import { partNames } from '../models/folder/model-folder.js';
import type { AnyModel, OpenedPart } from '../models/folder/model-folder.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { verifyFiles } from '../models/trust/verify.js';
import { deviceEvent, emitGrant } from '../predict/open-models.js';
import { emitPrecision, planDevices, planOn } from '../predict/plan-devices.js';
import type { DevicePlan } from '../predict/plan-devices.js';
import { unlessAborted } from '../unless-aborted.js';
import type { EmbedderOptions, EmbedderSettings } from './options.js';

/** One language model of a model, without its weights. */
export interface LanguageModel {
  readonly model: AnyModel;
  readonly part: LanguageModelPart;
  /** Whether the caller named the model. */
  readonly wasNamed: boolean;
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
      wasNamed: name !== undefined,
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
  const { model, part, opened, vocabulary, wasNamed } = found;
  // Without a name, a shipped model is found only if none is installed.
  if (!wasNamed && model.shipped) {
    onEvent({ event: 'shipped-model', model: model.name, card: model.card?.path ?? null });
  }
  const loaded = await prepareAddon(signal);
  for (const { place, verdict } of loaded.passedOver) {
    onEvent({ event: 'libtorch-left-out', place, reason: verdict, used: loaded.libtorch.root });
  }
  const tokenizer = vocabulary && new loaded.addon.BytePairTokenizer(vocabulary);
  const onRead = (bytes: number): void => onEvent({ event: 'checking', model: model.name, bytes });
  await verifyFiles([opened], { onRead, signal });
  const devices = planDevices(loaded, { [part]: opened }, settings);
  for (const { device, reason } of devices.leftOut) {
    onEvent({ event: 'device-left-out', device: device.id, name: device.name, reason });
  }
  return { ...found, tokenizer, ...(await openPool(loaded, found, devices, { model: settings, handlers })) };
}

async function openPool(
  loaded: LoadedAddon,
  found: LanguageModel,
  devices: DevicePlan,
  given: Pick<EmbedderSettings, 'model' | 'handlers'>,
): Promise<Pick<LoadedLanguageModel, 'pool' | 'devices' | 'batchTokens'>> {
  const { model, part, opened } = found;
  const { model: settings, handlers } = given;
  const { engine, maxMemory, deviceTimeout } = settings;
  const { onEvent, signal } = handlers;
  emitPrecision(devices, settings, onEvent);
  const { workers, mayLeaveOut } = devices;
  onEvent({ event: 'loading', model: model.name, chunkSize: null, workers: workers.map(({ id }) => id) });
  const limits = { deadlineSeconds: deviceTimeout, ...(maxMemory !== undefined && { maxMemory }) };
  const requests = workers.map((plan) => ({ ...plan, ...limits, engine, [part]: opened }));
  const pool = await DevicePool.open(loaded.addon, requests, { mayLeaveOut, onEvent, ...(signal && { signal }) });
  const ids = pool.descriptions.map(({ device }) => device.id);
  const left = devices.devices.filter(({ id }) => ids.includes(id));
  if (precisionOf(left, settings.precision) !== devices.precision) {
    // Without the others, the devices that opened can compute in a better precision.
    await pool.close();
    return openPool(loaded, found, planOn(left, devices, { [part]: opened }, settings), given);
  }
  const batchTokens = { dna: 0, protein: 0, [part]: devices.batchTokens[part] };
  for (const worker of pool.descriptions) onEvent(deviceEvent(worker, batchTokens));
  return { pool, devices, batchTokens: batchTokens[part] };
}
