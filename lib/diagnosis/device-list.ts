import { counted } from '../errors.js';
import type { NativeDevice, Precision } from '../engine/addon.js';
import { kernelReason, precisionOf, unusableReason } from '../engine/devices/choose-devices.js';
import { grantedResources, grantText } from '../engine/limits/granted-resources.js';
import { prepareAddon } from '../engine/libtorch/load.js';
import type { CudaState } from '../engine/libtorch/load-cuda.js';

/** A device and what a run could do with it. */
export interface ListedDevice extends NativeDevice {
  /**
   * Whether a model can be opened on it: libtorch can use the driver and the device, and no process has it exclusively.
   */
  readonly usable: boolean;
  /** Whether this libtorch has kernels for it; true if unknown. */
  readonly hasKernels: boolean;
  /** The precision that `auto` chooses on this device. */
  readonly automaticPrecision: Precision;
  /**
   * What a user should know before choosing it: the granted part of the CPU; that it is a slice of a GPU, busy, closed
   * to other processes, or without kernels in this libtorch.
   */
  readonly notes: readonly string[];
}

/** Every device of this machine. */
export interface DeviceList {
  /** The CPU first, then the CUDA devices in nvidia-smi's order, within CUDA_VISIBLE_DEVICES. */
  readonly devices: readonly ListedDevice[];
  /** Whether CUDA can be used; if there is a driver that cannot be used: why, and what to do. */
  readonly cuda: CudaState;
}

/**
 * Lists every device of this machine.
 * @throws VirnucproError VNP_LIBTORCH
 */
export async function devices(): Promise<DeviceList> {
  const { addon, cuda } = await prepareAddon();
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
