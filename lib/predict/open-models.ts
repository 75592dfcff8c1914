import type { FrameBatcherOptions } from '../batches/frame-batcher.js';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import { grantedResources, grantText } from '../engine/limits/granted-resources.js';
import { loadAddon, prepareAddon } from '../engine/libtorch/load.js';
import { DevicePool } from '../engine/pool/pool.js';
import { WorkerReadings } from '../engine/pool/worker-memory.js';
import { precisionOf } from '../engine/devices/choose-devices.js';
import type { WorkerDescription } from '../engine/pool/worker-usage.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { PROTEIN_TOKENS } from '../models/tokenizers.js';
import { verifyFiles } from '../models/trust/verify.js';
import { endedBy } from '../unless-aborted.js';
import type { DeviceEvent, RunEvent } from './events.js';
import { checkPlanHandlers, resolveModelSettings, resolveOpenHandlers } from './options.js';
import type { ModelSettings, OpenHandlers, OpenOptions } from './options.js';
import { planModels, planOnDevices, sizesOf } from './plan.js';
import type { ModelPlan, PlannedOnDevices } from './plan.js';
import { emitPrecision, planOn } from './plan-devices.js';
import type { DevicePlan } from './plan-devices.js';
import { SharedBatches } from './shared-batches.js';
import type { FoundTriage } from './triage-model.js';

/** A model on its devices. */
export interface LoadedModel {
  readonly model: OpenedModel;
  readonly pool: DevicePool;
  readonly batches: FrameBatcherOptions;
  /** Those that runs over records in memory fill together. */
  readonly shared: SharedBatches;
}

/** What a predictor was opened with. */
export interface OpenedModels extends LoadedModel {
  /** The model that reads every window first, on the same devices. */
  readonly triage: (LoadedModel & Pick<FoundTriage, 'rule'>) | undefined;
  /** Its devices are those that opened. */
  readonly plan: PlannedOnDevices<ModelPlan>;
  /** How long loading took. */
  readonly seconds: number;
  readonly onEvent: (event: RunEvent) => void;
  /** Of the workers of both pools. */
  readonly readings: WorkerReadings;
}

/** The pool of the run's model, then that of triage. */
export function poolsOf({ pool, triage }: Pick<OpenedModels, 'pool' | 'triage'>): readonly DevicePool[] {
  return triage ? [pool, triage.pool] : [pool];
}

/** Loads a model on its devices and, for triage, a second one beside it. */
export async function openModels(given: OpenOptions | ModelPlan, handlers: OpenHandlers = {}): Promise<OpenedModels> {
  if (isPlan(given)) {
    checkPlanHandlers('open', handlers);
    const { onEvent, signal } = resolveOpenHandlers(handlers);
    return endedBy(
      signal,
      loadModels(() => Promise.resolve(given), { onEvent, signal }),
    );
  }
  resolveModelSettings(given);
  const { onEvent, signal } = resolveOpenHandlers(given);
  return endedBy(
    signal,
    loadModels(() => planModels(given), { onEvent, signal }),
  );
}

function isPlan(given: OpenOptions | ModelPlan): given is ModelPlan {
  return Object.hasOwn(Object(given) as object, 'settings');
}

type Handlers = ReturnType<typeof resolveOpenHandlers>;

async function loadModels(found: () => Promise<ModelPlan>, handlers: Handlers): Promise<OpenedModels> {
  const { onEvent, signal } = handlers;
  const start = performance.now();
  signal?.throwIfAborted();
  emitGrant(onEvent);
  const models = await found();
  const { passedOver, libtorch } = await prepareAddon(signal);
  for (const { place, verdict } of passedOver) {
    onEvent({ event: 'libtorch-left-out', place, reason: verdict, used: libtorch.root });
  }
  const plan = await planOnDevices(models, signal);
  for (const { device, reason } of plan.devices.leftOut) {
    onEvent({ event: 'device-left-out', device: device.id, name: device.name, reason });
  }
  const opened = await loadOn(plan, handlers);
  const workers = poolsOf(opened).flatMap((pool) => pool.workers);
  const readings = new WorkerReadings(loadAddon().addon, workers);
  return { ...opened, seconds: (performance.now() - start) / 1000, onEvent, readings };
}

/** Opens both models on the same devices: a device that fails to open either, or has no room, is used for neither. */
async function loadOn(
  plan: PlannedOnDevices<ModelPlan>,
  handlers: Handlers,
): Promise<Omit<OpenedModels, 'seconds' | 'onEvent' | 'readings'>> {
  const { model, triage: found, settings, devices } = plan;
  emitPrecision(devices, settings, handlers.onEvent);
  const own = await load(model, devices, settings, handlers);
  let triage: LoadedModel | undefined;
  try {
    if (found) {
      handlers.onEvent({ event: 'triage', model: found.model.name, ...found.rule });
      const beside = { ...devices, workers: devices.workers.filter(isOn(own.pool)).map(besideIt) };
      triage = await load(found.model, beside, settings, handlers);
      await own.pool.keepOnly(deviceIds(triage.pool));
    }
    const left = devices.devices.filter(({ id }) => deviceIds(own.pool).includes(id));
    if (precisionOf(left, settings.precision) === devices.precision) {
      return { ...own, plan, triage: triage && { ...triage, rule: found!.rule } };
    }
    // Without the others, the devices that opened can compute in a better precision.
    await Promise.all([own.pool.close(), triage?.pool.close()]);
    return await loadOn({ ...plan, devices: planOn(left, devices, sizesOf(plan), settings) }, handlers);
  } catch (error) {
    await Promise.all([own.pool.close(), triage?.pool.close()]);
    throw error;
  }
}

type PlannedWorker = DevicePlan['workers'][number];

function deviceIds(pool: DevicePool): string[] {
  return pool.descriptions.map(({ device }) => device.id);
}

function isOn(pool: DevicePool): (plan: PlannedWorker) => boolean {
  const opened = deviceIds(pool);
  return ({ device }) => opened.includes(device.id);
}

/** Emits what part of the machine this process may use, if not all of it. */
export function emitGrant(onEvent: (event: RunEvent) => void): void {
  const resources = grantedResources();
  const text = grantText(resources);
  if (text === undefined) return;
  const { cores, memory } = resources;
  onEvent({
    event: 'grant',
    cores: cores.granted,
    machineCores: cores.machine,
    memory: memory.granted,
    machineMemory: memory.machine,
    text,
  });
}

/** The triage worker on the same device: a separate worker with its own id. */
function besideIt(plan: PlannedWorker): PlannedWorker {
  return { ...plan, id: `triage:${plan.id}` };
}

async function load(
  model: OpenedModel,
  { workers, batchTokens, mayLeaveOut }: DevicePlan,
  { engine, maxMemory, deviceTimeout, maxDelay }: ModelSettings,
  { onEvent, signal }: Handlers,
): Promise<LoadedModel> {
  const { dna, protein, classifier, chunkSize } = model;
  const { addon } = loadAddon();
  const tokenizer = new addon.BytePairTokenizer(model.tokenizer);
  onEvent({ event: 'loading', model: model.name, chunkSize, workers: workers.map(({ id }) => id) });
  const onRead = (bytes: number): void => onEvent({ event: 'checking', model: model.name, bytes });
  await verifyFiles([dna, protein, classifier], { onRead, signal });
  const limits = { deadlineSeconds: deviceTimeout, ...(maxMemory !== undefined && { maxMemory }) };
  const requests = workers.map((plan) => ({ ...plan, ...limits, engine, dna, protein, classifier }));
  const pool = await DevicePool.open(addon, requests, { mayLeaveOut, onEvent, ...(signal && { signal }) });
  for (const worker of pool.descriptions) onEvent(deviceEvent(worker, batchTokens));
  const { protein: proteinTokens, dna: dnaTokens } = batchTokens;
  const batches = { proteinTokens, dnaTokens, dnaTokenizer: tokenizer, proteinTable: PROTEIN_TOKENS };
  return { model, pool, batches, shared: new SharedBatches(pool.share(), batches, maxDelay) };
}

/** The event of a worker that is ready. */
export function deviceEvent(worker: WorkerDescription, batchTokens: BatchTokens): DeviceEvent {
  const { id, device, precision, threads, weightBytes } = worker;
  const { name, capability, driver, pciAddress, mig, processes, memoryTotal, memoryFree } = device;
  return {
    event: 'device',
    device: id,
    name,
    capability,
    driver,
    pciAddress,
    mig,
    processes,
    memoryTotal,
    memoryFree,
    precision,
    threads,
    weightBytes,
    batchTokens,
  };
}
