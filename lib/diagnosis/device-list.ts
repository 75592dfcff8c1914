import { counted } from '../errors.js';
import type { NativeDevice, Precision } from '../engine/addon.js';
import { kernelReason, precisionOf, unusableReason } from '../engine/devices/choose-devices.js';
import { grantedResources, grantText } from '../engine/limits/granted-resources.js';
import { loadAddon } from '../engine/libtorch/load.js';
import type { CudaState } from '../engine/libtorch/load.js';

export interface ListedDevice extends NativeDevice {
  /** Whether a model can be opened on it: this libtorch can use the driver, and nobody has the device for itself. */
  readonly usable: boolean;
  /** Whether this libtorch has kernels for it; true where it does not tell. */
  readonly hasKernels: boolean;
  /** What the precision `auto` is on this device. */
  readonly automaticPrecision: Precision;
  /** What a user should know of it before choosing it: which part of the CPU is granted, that it is a slice of a GPU, busy, closed, or not of those that this libtorch has kernels for. */
  readonly notes: readonly string[];
}

export interface DeviceList {
  /** The CPU first, then the CUDA devices in nvidia-smi's order, within CUDA_VISIBLE_DEVICES. */
  readonly devices: readonly ListedDevice[];
  /** Whether CUDA can be used, and if a driver is there that cannot be: why, and what to do. */
  readonly cuda: CudaState;
}

/**
 * Every device of this machine, and what is known of it.
 * @throws VirnucproError VNP_LIBTORCH
 */
export function devices(): DeviceList {
  const { addon, cuda } = loadAddon();
  return { devices: listDevices(addon.devices(), cuda), cuda };
}

export function listDevices(found: readonly NativeDevice[], cuda: CudaState): ListedDevice[] {
  return found.map((device) => ({
    ...device,
    usable: (device.id === 'cpu' || cuda.state === 'loaded') && unusableReason(device, cuda) === undefined,
    hasKernels: kernelReason(device, cuda) === undefined,
    automaticPrecision: precisionOf([device], 'auto'),
    notes: notesOf(device, cuda),
  }));
}

function notesOf(device: NativeDevice, cuda: CudaState): string[] {
  const { id, mig, computeMode, processes } = device;
  const kernels = kernelReason(device, cuda);
  const grant = id === 'cpu' ? grantText(grantedResources()) : undefined;
  return [
    ...(grant === undefined ? [] : [grant]),
    ...(mig ? ['a MIG instance'] : []),
    ...(processes > 0 ? [`busy: ${counted(processes, 'other process')}`] : []),
    ...(computeMode === 'default' ? [] : [`compute mode ${computeMode}`]),
    ...(kernels === undefined ? [] : [kernels]),
  ];
}
