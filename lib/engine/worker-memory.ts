import { totalmem } from 'node:os';
import { peakResidentBytes, residentBytes } from '../process-memory.js';
import type { Addon, NativeSensors } from './addon.js';
import type { PoolWorker } from './pool-worker.js';

/** Memory of one worker, in bytes. */
export interface WorkerMemory {
  /** By the worker's tensors; on the CPU the whole process's resident memory, since its workers share the weights. */
  readonly allocated: number;
  /** Allocated, or kept by the allocator for the next batch. */
  readonly reserved: number;
  /** The most that was reserved so far. */
  readonly peak: number;
  /** Of the device, whoever uses the rest; for the CPU what the machine (or this process's share of it) has available. */
  readonly free: number;
  readonly total: number;
}

/** What is known of a worker's device at a moment; undefined where nothing measures it. */
export interface WorkerReading {
  readonly memory: WorkerMemory;
  /** 0 to 1. */
  readonly utilisation: number | undefined;
  /** Degrees Celsius. */
  readonly temperature: number | undefined;
}

/** Reads all workers, in their order. */
export async function readWorkers(
  addon: Pick<Addon, 'sensors'>,
  workers: readonly PoolWorker[],
): Promise<WorkerReading[]> {
  const ids = [...new Set(workers.map(({ usage }) => usage.device.id))].filter((id) => id !== 'cpu');
  const sensors = ids.length > 0 ? await addon.sensors(ids) : [];
  const sensorsOf = new Map(ids.map((id, index) => [id, sensors[index]!]));
  return workers.map((worker) => {
    const found = sensorsOf.get(worker.usage.device.id);
    return found ? gpuReading(worker, found) : cpuReading();
  });
}

function cpuReading(): WorkerReading {
  const resident = residentBytes();
  const peak = peakResidentBytes();
  // Both know of the limits that a container or a batch system sets; without one the first is 0 or beyond all memory.
  const constrained = process.constrainedMemory();
  const total = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  const free = Math.min(process.availableMemory(), total);
  return {
    memory: { allocated: resident, reserved: resident, peak: Math.max(peak, resident), free, total },
    utilisation: undefined,
    temperature: undefined,
  };
}

function gpuReading({ native, usage }: PoolWorker, sensors: NativeSensors): WorkerReading {
  const { allocated, reserved, peakReserved } = native.memory();
  const total = sensors.memoryTotal ?? usage.device.memoryTotal;
  return {
    // Without NVML only this process's own memory is known.
    memory: { allocated, reserved, peak: peakReserved, free: sensors.memoryFree ?? total - reserved, total },
    utilisation: sensors.utilisation ?? undefined,
    temperature: sensors.temperature ?? undefined,
  };
}
