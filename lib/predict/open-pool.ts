import type { OpenRequest } from '../engine/addon.js';
import { precisionOf } from '../engine/devices/choose-devices.js';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import { prepareAddon } from '../engine/libtorch/load.js';
import type { LoadedAddon } from '../engine/libtorch/load.js';
import { grantedResources, grantText } from '../engine/limits/granted-resources.js';
import { DevicePool } from '../engine/pool/pool.js';
import type { WorkerDescription } from '../engine/pool/worker-usage.js';
import type { AnyModel } from '../models/folder/model-folder.js';
import type { DeviceEvent, RunEvent } from './events.js';
import type { ModelSettings } from './options.js';
import type { resolveOpenHandlers } from './resolve-options.js';
import { planOn } from './plan-devices.js';
import type { DevicePlan } from './plan-devices.js';

/** What hears of the opening and may end it. */
export type Handlers = ReturnType<typeof resolveOpenHandlers>;

/** The archives that every worker loads. */
type Parts = Pick<OpenRequest, 'dna' | 'protein' | 'classifier'>;

/** Without a name, a shipped model is found only if none is installed. */
export function emitShippedModel(name: string | undefined, model: AnyModel, onEvent: Handlers['onEvent']): void {
  if (name !== undefined || !model.shipped) return;
  onEvent({ event: 'shipped-model', model: model.name, card: model.card?.path ?? null });
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

/** Loads libtorch, and emits which others were passed over. */
export async function prepareEngine({ onEvent, signal }: Handlers): Promise<LoadedAddon> {
  const loaded = await prepareAddon(signal);
  for (const { place, verdict } of loaded.passedOver) {
    onEvent({ event: 'libtorch-left-out', place, reason: verdict, used: loaded.libtorch.root });
  }
  return loaded;
}

/** Emits which devices the plan does without. */
export function emitLeftOut({ leftOut }: DevicePlan, onEvent: Handlers['onEvent']): void {
  for (const { device, reason } of leftOut) {
    onEvent({ event: 'device-left-out', device: device.id, name: device.name, reason });
  }
}

/** Opens every worker of the plan with these parts. */
export async function openPool(
  { addon }: Pick<LoadedAddon, 'addon'>,
  parts: Parts,
  { workers, mayLeaveOut }: DevicePlan,
  { engine, maxMemory, deviceTimeout }: ModelSettings,
  { onEvent, signal }: Handlers,
): Promise<DevicePool> {
  const limits = { deadlineSeconds: deviceTimeout, ...(maxMemory !== undefined && { maxMemory }) };
  const requests = workers.map((plan) => ({ ...plan, ...limits, engine, ...parts }));
  return DevicePool.open(addon, requests, { mayLeaveOut, onEvent, ...(signal && { signal }) });
}

/** The devices of a pool. */
export function deviceIds(pool: DevicePool): string[] {
  return pool.descriptions.map(({ device }) => device.id);
}

/**
 * The plan for the devices that opened, where they can compute in a better precision without the others; undefined where
 * the precision of this plan stays.
 */
export function betterPlan(
  pool: DevicePool,
  devices: DevicePlan,
  sizes: Parameters<typeof planOn>[2],
  settings: ModelSettings,
): DevicePlan | undefined {
  const opened = deviceIds(pool);
  const left = devices.devices.filter(({ id }) => opened.includes(id));
  return precisionOf(left, settings.precision) === devices.precision
    ? undefined
    : planOn(left, devices, sizes, settings);
}

/** Emits that every worker of the pool is ready. */
export function emitDevices(pool: DevicePool, batchTokens: BatchTokens, onEvent: Handlers['onEvent']): void {
  for (const worker of pool.descriptions) onEvent(deviceEvent(worker, batchTokens));
}

function deviceEvent(worker: WorkerDescription, batchTokens: BatchTokens): DeviceEvent {
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
