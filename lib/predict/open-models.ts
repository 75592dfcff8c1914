import type { NativeBytePairTokenizer, Precision } from '../engine/addon.js';
import { defaultBatchTokens } from '../engine/batch-tokens.js';
import { chooseDevices } from '../engine/choose-devices.js';
import { grantedResources, grantText } from '../engine/granted-resources.js';
import { loadAddon, prepareAddon } from '../engine/load.js';
import type { LoadedAddon } from '../engine/load.js';
import { DevicePool } from '../engine/pool.js';
import { precisionFor } from '../engine/precision.js';
import { planWorkers } from '../engine/worker-plan.js';
import type { WorkerPlan } from '../engine/worker-plan.js';
import type { WorkerDescription } from '../engine/worker-usage.js';
import type { OpenedModel } from '../models/pipeline.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { verifyFiles } from '../models/verify.js';
import { VirnucproError } from '../errors.js';
import { packageVersion } from '../package.js';
import { unlessAborted } from '../unless-aborted.js';
import type { DeviceEvent, RunEvent } from './events.js';
import { resolveOpenOptions } from './options.js';
import type { OpenOptions, ResolvedOpenOptions } from './options.js';
import type { RunKeyParts } from './run-key.js';
import { findTriage } from './triage-model.js';
import type { FoundTriage } from './triage-model.js';

/** A model on its devices. */
export interface LoadedModel {
  readonly model: OpenedModel;
  readonly pool: DevicePool;
  readonly tokenizer: NativeBytePairTokenizer;
}

/** What a predictor was opened with. */
export interface OpenedModels extends LoadedModel {
  /** The model that reads before it, on the same devices. */
  readonly triage: (LoadedModel & Pick<FoundTriage, 'rule'>) | undefined;
  readonly versions: RunKeyParts['versions'];
  readonly engine: RunKeyParts['engine'];
  /** Of both. */
  readonly batchTokens: { readonly esm: number; readonly dnabert: number };
  readonly onEvent: (event: RunEvent) => void;
}

type Plan = WorkerPlan & { readonly precision: Precision };

/** Loads a model on its devices, and where there is to be triage the one for that beside it. */
export async function openModels(options: OpenOptions): Promise<OpenedModels> {
  const resolved = resolveOpenOptions(options);
  return endedBy(resolved.signal, loadModels(options, resolved));
}

/** @throws VirnucproError VNP_ABORTED where the signal ended the loading, whatever that failed with because of it */
export async function endedBy<T>(signal: AbortSignal | undefined, loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch (error) {
    if (!signal?.aborted) throw error;
    const text = 'The loading was ended by its caller before its end';
    throw new VirnucproError('VNP_ABORTED', text, { cause: signal.reason });
  }
}

async function loadModels(options: OpenOptions, resolved: ResolvedOpenOptions): Promise<OpenedModels> {
  const { trust, engine, onEvent, triage: choice, signal } = resolved;
  signal?.throwIfAborted();
  tellGrant(onEvent);
  const registry = new ModelRegistry(modelsFolder(options.models));
  const model = await unlessAborted(registry.findTrusted(options.model, { trust }), signal);
  if (options.model === undefined && model.shipped) {
    onEvent({ event: 'shipped-model', model: model.name, card: model.card?.path ?? null });
  }
  const found = choice && (await unlessAborted(findTriage(registry, choice, model, { trust }), signal));
  await unlessAborted(prepareAddon(), signal);
  const loaded = loadAddon();
  for (const { place, verdict } of loaded.passedOver)
    onEvent({ event: 'libtorch-left-out', place, reason: verdict, used: loaded.libtorch.root });
  const plans = planOf(options, resolved, loaded);
  const defaults = defaultBatchTokens({
    ...{ plans, dna: model.dna, protein: model.protein, beside: found?.model, maxMemory: resolved.maxMemory },
  });
  const batchTokens = {
    esm: resolved.esmBatchTokens ?? defaults.esm,
    dnabert: resolved.dnabertBatchTokens ?? defaults.dnabert,
  };
  const onDevices = { loaded, resolved, batchTokens };
  const own = await load(model, plans, onDevices);
  const versions = { virnucpro: packageVersion, libtorch: loaded.libtorch.version };
  const rest = { versions, engine, batchTokens, onEvent };
  if (!found) return { ...own, ...rest, triage: undefined };
  onEvent({ event: 'triage', model: found.model.name, ...found.rule });
  try {
    const triage = await load(found.model, plans.map(besideIt), onDevices);
    return { ...own, ...rest, triage: { ...triage, rule: found.rule } };
  } catch (error) {
    await own.pool.close();
    throw error;
  }
}

function tellGrant(onEvent: (event: RunEvent) => void): void {
  const resources = grantedResources();
  const text = grantText(resources);
  if (text === undefined) return;
  const { cores, memory } = resources;
  onEvent({
    event: 'grant',
    ...{ cores: cores.granted, machineCores: cores.machine },
    ...{ memory: memory.granted, machineMemory: memory.machine, text },
  });
}

/** The same device's worker for triage: one of its own, with a name of its own. */
function besideIt(plan: Plan): Plan {
  return { ...plan, id: `triage:${plan.id}` };
}

function planOf(
  options: OpenOptions,
  { threads, workers, precision, onEvent }: ResolvedOpenOptions,
  loaded: LoadedAddon,
): Plan[] {
  const { devices, leftOut } = chooseDevices(loaded, options.devices);
  for (const { device, reason } of leftOut) {
    onEvent({ event: 'device-left-out', device: device.id, name: device.name, reason });
  }
  return planWorkers(devices, { threads, workers }).map((plan) => ({
    ...plan,
    precision: precisionFor(plan.device, precision),
  }));
}

interface OnDevices {
  readonly loaded: LoadedAddon;
  readonly resolved: ResolvedOpenOptions;
  readonly batchTokens: OpenedModels['batchTokens'];
}

async function load(
  model: OpenedModel,
  plans: readonly Plan[],
  { loaded, resolved, batchTokens }: OnDevices,
): Promise<LoadedModel> {
  const { dna, protein, classifier, chunkSize } = model;
  const { engine, maxMemory, onEvent, signal } = resolved;
  const tokenizer = new loaded.addon.BytePairTokenizer(model.tokenizer);
  onEvent({ event: 'loading', model: model.name, chunkSize, workers: plans.map(({ id }) => id) });
  const onRead = (bytes: number): void => onEvent({ event: 'checking', model: model.name, bytes });
  await verifyFiles([dna, protein, classifier], { onRead, signal });
  const limit = maxMemory === undefined ? {} : { maxMemory };
  const requests = plans.map((plan) => ({ ...plan, ...limit, engine, dna, protein, classifier }));
  const pool = await DevicePool.open(loaded.addon, requests, { onEvent, ...(signal && { signal }) });
  for (const worker of pool.descriptions) onEvent(deviceEvent(worker, batchTokens));
  return { model, pool, tokenizer };
}

function deviceEvent(worker: WorkerDescription, batchTokens: { esm: number; dnabert: number }): DeviceEvent {
  const { id, device, precision, threads, weightBytes } = worker;
  const { name, capability, driver, pciAddress, mig, processes, memoryTotal, memoryFree } = device;
  return {
    ...{ event: 'device', device: id, name, capability, driver, pciAddress, mig, processes, memoryTotal, memoryFree },
    ...{ precision, threads, weightBytes, batchTokens },
  };
}
