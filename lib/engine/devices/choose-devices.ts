import { expected, VirnucproError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';
import type { NativeDevice, Precision } from '../addon.js';
import { hasKernelsFor } from '../libtorch/cuda.js';
import type { CudaState } from '../libtorch/load-cuda.js';
import type { LoadedAddon } from '../libtorch/load.js';
import { leastMemory } from './worker-plan.js';
import type { SizedModels } from './worker-plan.js';

/** `auto`: every GPU, else the CPU. `cuda`: every GPU. Or ids, `cpu` and `cuda:N`. */
export type DeviceChoice = 'auto' | 'cpu' | 'cuda' | readonly string[];

/** A GPU that exists but cannot be used. */
export interface LeftOutDevice {
  readonly device: NativeDevice;
  readonly reason: string;
}

export interface ChosenDevices {
  /** In device order, or in the order of the requested ids; never empty. */
  readonly devices: readonly NativeDevice[];
  /** Empty if devices were requested by id. */
  readonly leftOut: readonly LeftOutDevice[];
  /** Whether more may be left out later: they are GPUs, and were not requested by id. */
  readonly mayLeaveOut: boolean;
}

/**
 * Checks the choice against the available devices, before any model is loaded.
 * @throws VirnucproError VNP_LIBTORCH if GPUs are wanted and there is a driver, but it cannot be used; VNP_DEVICE;
 *   VNP_ARGUMENT
 */
export function chooseDevices({ addon, cuda }: LoadedAddon, asked: DeviceChoice = 'auto'): ChosenDevices {
  const ids = idsOf(asked);
  if (cuda.state === 'unusable' && (ids === undefined || ids.some((id) => id !== 'cpu'))) {
    throw new VirnucproError(
      'VNP_LIBTORCH',
      `libtorch cannot use this machine's NVIDIA driver: ${cuda.reason}. ${cuda.next}, ` +
        "or choose the CPU by name (`devices: 'cpu'`)",
    );
  }
  const present = addon.devices();
  if (ids) return { devices: ids.map((id) => deviceOf(id, present, cuda)), leftOut: [], mayLeaveOut: false };
  const gpus = present.filter(({ id }) => id !== 'cpu');
  const devices = gpus.filter((gpu) => unusableReason(gpu, cuda) === undefined);
  const leftOut = gpus.flatMap((device) => {
    const reason = unusableReason(device, cuda);
    return reason === undefined ? [] : [{ device, reason }];
  });
  if (devices.length > 0) return { devices, leftOut, mayLeaveOut: true };
  // With a GPU that cannot be used, falling back to the CPU must not happen silently.
  if (asked === 'auto' && gpus.length === 0) return { devices: present, leftOut, mayLeaveOut: false };
  throw noneLeft(leftOut);
}

/** @param code defaults to VNP_DEVICE */
export function noneLeft(leftOut: readonly LeftOutDevice[], code: ErrorCode = 'VNP_DEVICE'): VirnucproError {
  const next = "Choose the CPU (`devices: 'cpu'`)";
  if (leftOut.length === 0) return new VirnucproError(code, `No GPU was found. ${next}`);
  const reasons = leftOut.map(({ device, reason }) => `${device.id} is ${reason}`).join('; ');
  return new VirnucproError(code, `No GPU can be used: ${reasons}. ${next}`);
}

/** @returns undefined if the choice is left to the machine */
function idsOf(asked: DeviceChoice): readonly string[] | undefined {
  if (asked === 'auto' || asked === 'cuda') return undefined;
  if (asked === 'cpu') return ['cpu'];
  if (typeof asked === 'string') throw expected('VNP_ARGUMENT', 'auto, cpu, cuda or ids', 'devices', asked);
  if (asked.length === 0) throw expected('VNP_ARGUMENT', 'at least one device', 'devices', 'none');
  const twice = asked.find((id, index) => asked.indexOf(id) !== index);
  if (twice !== undefined) throw expected('VNP_ARGUMENT', 'every device once', 'devices', `${twice} twice`);
  return asked;
}

function deviceOf(id: string, present: readonly NativeDevice[], cuda: CudaState): NativeDevice {
  const device = present.find((candidate) => candidate.id === id);
  if (!device) {
    const known = present.map((candidate) => candidate.id).join(', ');
    const next = present.length > 1 ? '' : 'No CUDA device was found on this machine';
    throw expected('VNP_DEVICE', `one of ${known}`, 'a device', id, next);
  }
  const reason = unusableReason(device, cuda);
  if (reason === undefined) return device;
  throw new VirnucproError(
    'VNP_DEVICE',
    `The device ${id} is ${reason}. Choose another one, or the CPU (\`devices: 'cpu'\`)`,
  );
}

/** Why this libtorch cannot compute on it, in words that follow "which is"; undefined if it can. */
export function unusableReason(device: NativeDevice, cuda: CudaState): string | undefined {
  return closedReason(device) ?? kernelReason(device, cuda);
}

/** Why this libtorch has no kernels for it; undefined if it has some. */
export function kernelReason({ id, capability }: NativeDevice, cuda: CudaState): string | undefined {
  const kernels = cuda.state === 'loaded' ? cuda.kernels : undefined;
  if (id === 'cpu' || kernels === undefined || hasKernelsFor(capability, kernels)) return undefined;
  const own = parseFloat(capability);
  if (kernels.some((target) => parseFloat(target) < own)) {
    return `unsupported by this libtorch: its capability is ${capability}, but there are kernels only for ${kernels.join(', ')}`;
  }
  const older =
    own < OLDEST_CAPABILITY
      ? ''
      : ` (a libtorch for CUDA 12.6, named in LIBTORCH, has them for ${OLDEST_CAPABILITY.toFixed(1)} and newer)`;
  return `too old for this libtorch: its capability is ${capability}, but there are kernels only for ${kernels[0]} and newer${older}`;
}

/** Oldest capability of any libtorch 2.11 wheel: the CUDA 12.6 one (PyTorch's RELEASE.md, "CUDA Support Matrix"). */
const OLDEST_CAPABILITY = 5;

/** Why its compute mode keeps this process off it; undefined if it does not. */
function closedReason({ computeMode, processes }: NativeDevice): string | undefined {
  if (computeMode === 'prohibited') return 'closed to all programs (compute mode Prohibited)';
  if (computeMode === 'exclusive' && processes > 0) return 'busy: another process uses it exclusively';
  return undefined;
}

/**
 * Separates GPUs with room for the models' weights and the smallest batch from full ones. Each GPU is checked in its
 * own precision first, so that a full one has no say in the precision of the others.
 */
export function devicesWithRoom(
  devices: readonly NativeDevice[],
  models: SizedModels,
  choice: PrecisionChoice,
): { readonly devices: readonly NativeDevice[]; readonly full: readonly LeftOutDevice[] } {
  const full: LeftOutDevice[] = [];
  const withRoom = (candidates: readonly NativeDevice[], wanted: PrecisionChoice): NativeDevice[] =>
    candidates.filter((device) => {
      const precision = precisionOf([device], wanted);
      const least = leastMemory(models, precision);
      const { memoryFree } = device;
      if (device.id === 'cpu' || memoryFree === null || memoryFree >= least) return true;
      const what = `the weights and the smallest batch need ${sizeText(least)} in ${precision.toUpperCase()}`;
      full.push({ device, reason: `full: ${sizeText(memoryFree)} free, but ${what}` });
      return false;
    });
  const own = withRoom(devices, choice);
  return { devices: withRoom(own, precisionOf(own, choice)), full };
}

function sizeText(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Choices of precision. `auto`: bf16 if every device of the run computes it natively, else fp32. */
export const PRECISIONS = ['auto', 'fp32', 'bf16', 'fp16'] as const;
/** One of PRECISIONS. */
export type PrecisionChoice = (typeof PRECISIONS)[number];
export const DEFAULT_PRECISION: PrecisionChoice = 'auto';

/** The precision of a run, the same on all devices: which of them computes a frame is chance, and must not show. */
export function precisionOf(devices: readonly NativeDevice[], choice: PrecisionChoice): Precision {
  if (choice !== 'auto') return choice;
  return devices.every(({ bf16 }) => bf16) ? 'bf16' : 'fp32';
}

/** Whether it has tensor cores for fp16 but none for bf16: Volta and Turing. */
export function hasFastFp16Only({ capability, bf16 }: NativeDevice): boolean {
  return !bf16 && capability.startsWith('7.');
}
