import type { NativeBytePairTokenizer } from '../engine/addon.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import type { BatchTokens, SizedModels } from '../engine/devices/worker-plan.js';
import { grantedResources, grantText } from '../engine/limits/granted-resources.js';
import { loadAddon, prepareAddon } from '../engine/libtorch/load.js';
import type { LoadedAddon } from '../engine/libtorch/load.js';
import { DevicePool } from '../engine/pool/pool.js';
import { precisionOf } from '../engine/devices/choose-devices.js';
import type { WorkerDescription } from '../engine/pool/pool-worker.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { verifyFiles } from '../models/trust/verify.js';
import { VirnucproError } from '../errors.js';
import { packageVersion } from '../package.js';
import { unlessAborted } from '../unless-aborted.js';
import type { DeviceEvent, RunEvent } from './events.js';
import { resolveOpenOptions } from './options.js';
import type { OpenOptions, ResolvedOpenOptions } from './options.js';
import { candidateDevices, planRun } from './plan-devices.js';
import type { CandidateDevices, RunPlan } from './plan-devices.js';
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
  readonly batchTokens: BatchTokens;
  readonly onEvent: (event: RunEvent) => void;
}

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
    const text = 'The caller cancelled the loading';
    throw new VirnucproError('VNP_ABORTED', text, { cause: signal.reason });
  }
}

async function loadModels(options: OpenOptions, resolved: ResolvedOpenOptions): Promise<OpenedModels> {
  const { trust, engine, onEvent, triage: choice, signal } = resolved;
  signal?.throwIfAborted();
  emitGrant(onEvent);
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
  const models = { dna: model.dna, protein: model.protein, beside: found?.model };
  const candidates = candidateDevices(loaded, options.devices, models, resolved);
  const opening = { loaded, resolved, model, found, models };
  const { pool, plan, tokenizer, triage } = await loadOn(candidates, opening);
  const versions = { virnucpro: packageVersion, libtorch: loaded.libtorch.version };
  return { model, pool, tokenizer, triage, versions, engine, batchTokens: plan.batchTokens, onEvent };
}

interface Opening {
  readonly loaded: LoadedAddon;
  readonly resolved: ResolvedOpenOptions;
  readonly model: OpenedModel;
  readonly found: FoundTriage | undefined;
  /** All that a device has to have room for. */
  readonly models: SizedModels;
}

interface OpenedOnDevices extends LoadedModel {
  readonly plan: RunPlan;
  readonly triage: OpenedModels['triage'];
}

/** Opens both models on the same devices: one that does not open, or has no room for the second, is used for neither. */
async function loadOn({ devices, mayLeaveOut }: CandidateDevices, opening: Opening): Promise<OpenedOnDevices> {
  const { resolved, model, found, models } = opening;
  const plan = planRun(devices, models, resolved);
  const own = await load(model, plan, { ...opening, mayLeaveOut });
  let triage: LoadedModel | undefined;
  try {
    if (found) {
      resolved.onEvent({ event: 'triage', model: found.model.name, ...found.rule });
      const beside = { ...plan, workers: plan.workers.filter(isOn(own.pool)).map(besideIt) };
      triage = await load(found.model, beside, { ...opening, mayLeaveOut });
      await own.pool.keepOnly(deviceIds(triage.pool));
    }
    const left = devices.filter(({ id }) => deviceIds(own.pool).includes(id));
    if (precisionOf(left, resolved.precision) === plan.precision) {
      return { ...own, plan, triage: triage && { ...triage, rule: found!.rule } };
    }
    // Those that opened compute in a better precision without the others.
    await Promise.all([own.pool.close(), triage?.pool.close()]);
    return await loadOn({ devices: left, mayLeaveOut }, opening);
  } catch (error) {
    await Promise.all([own.pool.close(), triage?.pool.close()]);
    throw error;
  }
}

function deviceIds(pool: DevicePool): string[] {
  return pool.descriptions.map(({ device }) => device.id);
}

function isOn(pool: DevicePool): (plan: RunPlan['workers'][number]) => boolean {
  const opened = deviceIds(pool);
  return ({ device }) => opened.includes(device.id);
}

function emitGrant(onEvent: (event: RunEvent) => void): void {
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
function besideIt(plan: RunPlan['workers'][number]): RunPlan['workers'][number] {
  return { ...plan, id: `triage:${plan.id}` };
}

async function load(
  model: OpenedModel,
  { workers, batchTokens }: RunPlan,
  { loaded, resolved, mayLeaveOut }: Pick<Opening, 'loaded' | 'resolved'> & Pick<CandidateDevices, 'mayLeaveOut'>,
): Promise<LoadedModel> {
  const { dna, protein, classifier, chunkSize } = model;
  const { engine, maxMemory, deviceTimeout, onEvent, signal } = resolved;
  const tokenizer = new loaded.addon.BytePairTokenizer(model.tokenizer);
  onEvent({ event: 'loading', model: model.name, chunkSize, workers: workers.map(({ id }) => id) });
  const onRead = (bytes: number): void => onEvent({ event: 'checking', model: model.name, bytes });
  await verifyFiles([dna, protein, classifier], { onRead, signal });
  const limits = { deadlineSeconds: deviceTimeout, ...(maxMemory !== undefined && { maxMemory }) };
  const requests = workers.map((plan) => ({ ...plan, ...limits, engine, dna, protein, classifier }));
  const pool = await DevicePool.open(loaded.addon, requests, { mayLeaveOut, onEvent, ...(signal && { signal }) });
  for (const worker of pool.descriptions) onEvent(deviceEvent(worker, batchTokens));
  return { model, pool, tokenizer };
}

function deviceEvent(worker: WorkerDescription, batchTokens: BatchTokens): DeviceEvent {
  const { id, device, precision, threads, weightBytes } = worker;
  const { name, capability, driver, pciAddress, mig, processes, memoryTotal, memoryFree } = device;
  return {
    ...{ event: 'device', device: id, name, capability, driver, pciAddress, mig, processes, memoryTotal, memoryFree },
    ...{ precision, threads, weightBytes, batchTokens },
  };
}
