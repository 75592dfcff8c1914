import type { NativeDevice, Precision } from '../engine/addon.js';
import { defaultBatchTokens, planWorkers, tokensThatFit } from '../engine/devices/worker-plan.js';
import type { BatchTokens, SizedModels, WorkerPlan } from '../engine/devices/worker-plan.js';
import {
  chooseDevices,
  devicesWithRoom,
  hasFastFp16Only,
  noneLeft,
  precisionOf,
} from '../engine/devices/choose-devices.js';
import type { LoadedAddon } from '../engine/libtorch/load.js';
import type { PrecisionEvent, RunEvent } from './events.js';
import type { OpenOptions, ResolvedOpenOptions } from './options.js';

/** The devices of a run, before any of them is opened. */
export interface CandidateDevices {
  readonly devices: readonly NativeDevice[];
  /** Whether one that does not open is left out. */
  readonly mayLeaveOut: boolean;
}

/** What every worker of a run is opened with. */
export interface RunPlan {
  readonly workers: readonly (WorkerPlan & { readonly precision: Precision; readonly tokensThatFit: number })[];
  readonly precision: Precision;
  readonly batchTokens: BatchTokens;
}

/**
 * The devices that were asked for. Where nobody asked for them by name, those that cannot be used or have no room are left
 * out, and an event says why.
 * @throws VirnucproError as `chooseDevices` does; VNP_MEMORY where every GPU is full
 */
export function candidateDevices(
  loaded: LoadedAddon,
  asked: OpenOptions['devices'],
  models: SizedModels,
  { precision, onEvent }: ResolvedOpenOptions,
): CandidateDevices {
  const { devices: chosen, leftOut, mayLeaveOut } = chooseDevices(loaded, asked);
  const { devices, full } = mayLeaveOut ? devicesWithRoom(chosen, models, precision) : { devices: chosen, full: [] };
  const all = [...leftOut, ...full];
  if (devices.length === 0) throw noneLeft(all, 'VNP_MEMORY');
  for (const { device, reason } of all) {
    onEvent({ event: 'device-left-out', device: device.id, name: device.name, reason });
  }
  return { devices, mayLeaveOut };
}

/** One precision and one size of batches for all of these devices; an event says where they could do better. */
export function planRun(
  devices: readonly NativeDevice[],
  models: SizedModels,
  { threads, workers, maxMemory, precision: choice, esmBatchTokens, dnabertBatchTokens, onEvent }: ResolvedOpenOptions,
): RunPlan {
  const precision = precisionOf(devices, choice);
  if (choice === 'auto' && precision === 'fp32') emitPrecision(devices, onEvent);
  const plans = planWorkers(devices, { threads, workers }).map((plan) => ({ ...plan, precision }));
  const request = { ...models, plans, maxMemory };
  const defaults = defaultBatchTokens(request);
  // Who asks for a size knows better than an estimate.
  const estimated = {
    esm: esmBatchTokens === undefined ? defaults.esm : 0,
    dnabert: dnabertBatchTokens === undefined ? defaults.dnabert : 0,
  };
  return {
    precision,
    workers: plans.map((plan) => ({ ...plan, tokensThatFit: tokensThatFit(plan, request, estimated) })),
    batchTokens: { esm: esmBatchTokens ?? defaults.esm, dnabert: dnabertBatchTokens ?? defaults.dnabert },
  };
}

function emitPrecision(devices: readonly NativeDevice[], onEvent: (event: RunEvent) => void): void {
  const without = devices.filter(({ bf16 }) => !bf16);
  const able = devices.filter(({ bf16 }) => bf16);
  const fp16 = without.filter(hasFastFp16Only);
  if (able.length === 0 && fp16.length === 0) return;
  const event: PrecisionEvent = {
    event: 'precision',
    precision: 'fp32',
    without: without.map(({ id, name, capability }) => ({ device: id, name, capability })),
    able: able.map(({ id }) => id),
    fp16: fp16.map(({ id }) => id),
  };
  onEvent(event);
}
