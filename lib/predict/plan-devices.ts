import type { NativeDevice, Precision } from '../engine/addon.js';
import {
  chooseDevices,
  devicesWithRoom,
  hasFastFp16Only,
  noneLeft,
  precisionOf,
} from '../engine/devices/choose-devices.js';
import type { LeftOutDevice } from '../engine/devices/choose-devices.js';
import { defaultBatchTokens, planWorkers, tokensThatFit } from '../engine/devices/worker-plan.js';
import type { BatchTokens, SizedModels, WorkerPlan } from '../engine/devices/worker-plan.js';
import type { LoadedAddon } from '../engine/libtorch/load.js';
import type { RunEvent } from './events.js';
import type { ModelSettings } from './options.js';

/** What a run computes on. All its devices share one precision and one batch size. */
export interface DevicePlan {
  readonly devices: readonly NativeDevice[];
  /** GPUs that cannot be used or have no room; empty if devices were asked for by id. */
  readonly leftOut: readonly LeftOutDevice[];
  /** Whether a device that fails to open is left out, too. */
  readonly mayLeaveOut: boolean;
  readonly workers: readonly (WorkerPlan & { readonly precision: Precision; readonly tokensThatFit: number })[];
  readonly precision: Precision;
  readonly batchTokens: BatchTokens;
}

/**
 * Chooses the devices that were asked for. Unless they were asked for by id, those that cannot be used or have no room
 * are left out.
 * @throws VirnucproError what `chooseDevices` and `planWorkers` throw; VNP_MEMORY if every GPU is full
 */
export function planDevices(loaded: LoadedAddon, models: SizedModels, settings: ModelSettings): DevicePlan {
  const { devices: chosen, leftOut: unusable, mayLeaveOut } = chooseDevices(loaded, settings.devices);
  const { devices, full } = mayLeaveOut
    ? devicesWithRoom(chosen, models, settings.precision)
    : { devices: chosen, full: [] };
  const leftOut = [...unusable, ...full];
  if (devices.length === 0) throw noneLeft(leftOut, 'VNP_MEMORY');
  return planOn(devices, { leftOut, mayLeaveOut }, models, settings);
}

/** The plan for exactly these devices; also used when some of a plan's devices failed to open. */
export function planOn(
  devices: readonly NativeDevice[],
  { leftOut, mayLeaveOut }: Pick<DevicePlan, 'leftOut' | 'mayLeaveOut'>,
  models: SizedModels,
  { threads, workers, maxMemory, precision: choice, proteinBatchTokens, dnaBatchTokens }: ModelSettings,
): DevicePlan {
  const precision = precisionOf(devices, choice);
  const plans = planWorkers(devices, { threads, workers }).map((plan) => ({ ...plan, precision }));
  const request = { ...models, plans, maxMemory };
  const defaults = defaultBatchTokens(request);
  // A size that was asked for overrides the estimate, so no worker takes its batches in parts.
  const estimated = {
    protein: proteinBatchTokens === undefined ? defaults.protein : 0,
    dna: dnaBatchTokens === undefined ? defaults.dna : 0,
  };
  return {
    devices,
    leftOut,
    mayLeaveOut,
    precision,
    workers: plans.map((plan) => ({ ...plan, tokensThatFit: tokensThatFit(plan, request, estimated) })),
    batchTokens: { dna: dnaBatchTokens ?? defaults.dna, protein: proteinBatchTokens ?? defaults.protein },
  };
}

/** Emits an event if `auto` chose fp32 although some of the devices could do better. */
export function emitPrecision(
  { devices, precision }: DevicePlan,
  { precision: choice }: ModelSettings,
  onEvent: (event: RunEvent) => void,
): void {
  if (choice !== 'auto' || precision !== 'fp32') return;
  const without = devices.filter(({ bf16 }) => !bf16);
  const able = devices.filter(({ bf16 }) => bf16);
  const fp16 = without.filter(hasFastFp16Only);
  if (able.length === 0 && fp16.length === 0) return;
  onEvent({
    event: 'precision',
    precision,
    without: without.map(({ id, name, capability }) => ({ device: id, name, capability })),
    able: able.map(({ id }) => id),
    fp16: fp16.map(({ id }) => id),
  });
}
