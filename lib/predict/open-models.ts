import type { FrameBatcherOptions } from '../batches/frame-batcher.js';
import type { LoadedAddon } from '../engine/libtorch/load.js';
import type { DevicePool } from '../engine/pool/pool.js';
import { WorkerReadings } from '../engine/pool/worker-memory.js';
import { expected } from '../errors.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { PROTEIN_TOKENS } from '../models/tokenizers.js';
import { verifyFiles } from '../models/trust/verify.js';
import { endedBy } from '../unless-aborted.js';
import type { RunEvent } from './events.js';
import { betterPlan, deviceIds, emitDevices, emitGrant, emitLeftOut, openPool, prepareEngine } from './open-pool.js';
import type { Handlers } from './open-pool.js';
import { checkPlanHandlers, resolveModelSettings, resolveOpenHandlers } from './resolve-options.js';
import type { ModelSettings, OpenHandlers, OpenOptions } from './options.js';
import { planModels, planOnDevices, sizesOf } from './plan.js';
import type { ModelPlan, PlannedOnDevices } from './plan.js';
import { emitPrecision } from './plan-devices.js';
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
export async function openModels(given: OpenOptions | ModelPlan, handlers?: OpenHandlers): Promise<OpenedModels> {
  if (isPlan(given)) {
    const chosen = handlers === undefined ? {} : handlers;
    checkPlanHandlers('open', chosen);
    const { onEvent, signal } = resolveOpenHandlers(chosen);
    return endedBy(
      signal,
      loadModels(() => Promise.resolve(given), { onEvent, signal }),
    );
  }
  if (handlers !== undefined) {
    const next = 'Give onEvent, logger and signal among the options';
    throw expected('VNP_ARGUMENT', 'a plan', 'open with a second argument', 'options', next);
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

async function loadModels(found: () => Promise<ModelPlan>, handlers: Handlers): Promise<OpenedModels> {
  const { onEvent, signal } = handlers;
  const start = performance.now();
  signal?.throwIfAborted();
  emitGrant(onEvent);
  const models = await found();
  const loaded = await prepareEngine(handlers);
  const plan = await planOnDevices(models, signal);
  emitLeftOut(plan.devices, onEvent);
  const opened = await loadOn(plan, loaded, handlers);
  const workers = poolsOf(opened).flatMap((pool) => pool.workers);
  const readings = new WorkerReadings(loaded.addon, workers);
  return { ...opened, seconds: (performance.now() - start) / 1000, onEvent, readings };
}

/** Opens both models on the same devices: a device that fails to open either, or has no room, is used for neither. */
async function loadOn(
  plan: PlannedOnDevices<ModelPlan>,
  loaded: LoadedAddon,
  handlers: Handlers,
): Promise<Omit<OpenedModels, 'seconds' | 'onEvent' | 'readings'>> {
  const { model, triage: found, settings, devices } = plan;
  emitPrecision(devices, settings, handlers.onEvent);
  const own = await load(model, devices, settings, { loaded, handlers });
  let triage: LoadedModel | undefined;
  try {
    if (found) {
      handlers.onEvent({ event: 'triage', model: found.model.name, ...found.rule });
      const beside = { ...devices, workers: devices.workers.filter(isOn(own.pool)).map(besideIt) };
      triage = await load(found.model, beside, settings, { loaded, handlers });
      await own.pool.keepOnly(deviceIds(triage.pool));
    }
    const better = betterPlan(own.pool, devices, sizesOf(plan), settings);
    if (!better) return { ...own, plan, triage: triage && { ...triage, rule: found!.rule } };
    await Promise.all([own.pool.close(), triage?.pool.close()]);
    return await loadOn({ ...plan, devices: better }, loaded, handlers);
  } catch (error) {
    await Promise.all([own.pool.close(), triage?.pool.close()]);
    throw error;
  }
}

type PlannedWorker = DevicePlan['workers'][number];

function isOn(pool: DevicePool): (plan: PlannedWorker) => boolean {
  const opened = deviceIds(pool);
  return ({ device }) => opened.includes(device.id);
}

/** The triage worker on the same device: a separate worker with its own id. */
function besideIt(plan: PlannedWorker): PlannedWorker {
  return { ...plan, id: `triage:${plan.id}` };
}

async function load(
  model: OpenedModel,
  devices: DevicePlan,
  settings: ModelSettings,
  { loaded, handlers }: { readonly loaded: LoadedAddon; readonly handlers: Handlers },
): Promise<LoadedModel> {
  const { dna, protein, classifier, chunkSize } = model;
  const { batchTokens } = devices;
  const { onEvent, signal } = handlers;
  const tokenizer = new loaded.addon.BytePairTokenizer(model.tokenizer);
  onEvent({ event: 'loading', model: model.name, chunkSize, workers: devices.workers.map(({ id }) => id) });
  const onRead = (bytes: number): void => onEvent({ event: 'checking', model: model.name, bytes });
  await verifyFiles([dna, protein, classifier], { onRead, signal });
  const pool = await openPool(loaded, { dna, protein, classifier }, devices, settings, handlers);
  emitDevices(pool, batchTokens, onEvent);
  const { protein: proteinTokens, dna: dnaTokens } = batchTokens;
  const batches = { proteinTokens, dnaTokens, dnaTokenizer: tokenizer, proteinTable: PROTEIN_TOKENS };
  return { model, pool, batches, shared: new SharedBatches(pool.share(), batches, settings.maxDelay) };
}
