import { expected } from '../errors.js';
import type { NativeDevice } from './addon.js';

/** One worker to be: which device, under which name, with how many threads. */
export interface WorkerPlan {
  /** `cuda:0`, `cpu`; `cpu:0`, `cpu:1` … where several share the CPU. */
  readonly id: string;
  readonly device: NativeDevice;
  readonly threads: number;
}

/**
 * One worker for every GPU, and `workers` (default 1) for the CPU, which share its threads. The results do not depend on
 * it: batches are packed before anyone takes them, and a frame's score does not depend on the number of threads.
 * @param threads of all CPU workers together
 * @throws VirnucproError VNP_ARGUMENT for several workers without the CPU
 */
export function planWorkers(
  devices: readonly NativeDevice[],
  { threads, workers }: { readonly threads: number; readonly workers: number | undefined },
): WorkerPlan[] {
  const hasCpu = devices.some(({ id }) => id === 'cpu');
  if (workers !== undefined && !hasCpu) {
    const next = 'A GPU has one worker; choose the CPU by name (--device cpu) or leave `workers` out';
    throw expected(
      'VNP_ARGUMENT',
      'the CPU among the devices',
      'workers',
      devices.map(({ id }) => id).join(', '),
      next,
    );
  }
  return devices.flatMap((device) => (device.id === 'cpu' ? onCpu(device, threads, workers ?? 1) : onGpu(device)));
}

function onCpu(device: NativeDevice, threads: number, workers: number): WorkerPlan[] {
  const threadsOfEach = Math.max(1, Math.floor(threads / workers));
  return Array.from({ length: workers }, (_, index) => ({
    id: workers === 1 ? device.id : `${device.id}:${index}`,
    device,
    threads: threadsOfEach,
  }));
}

/** Nothing of a GPU's work is done by host threads but its giving out. */
function onGpu(device: NativeDevice): WorkerPlan[] {
  return [{ id: device.id, device, threads: 1 }];
}
