import { peakResidentBytes, residentBytes } from '../../process-memory.js';
import type { Addon, NativeSensors } from '../addon.js';
import { grantedResources } from '../limits/granted-resources.js';
import type { PoolWorker } from './pool-worker.js';

/** Memory of one worker, in bytes. */
export interface WorkerMemory {
  /** By the worker's tensors; on the CPU the whole process's resident memory, since its workers share the weights. */
  readonly allocated: number;
  /** Allocated, or kept by the allocator for the next batch. */
  readonly reserved: number;
  /** The most that was reserved so far. */
  readonly peak: number;
  /** Of the device, whoever uses the rest; for the CPU what is left of this process's share of the machine. */
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
  const { free, granted } = grantedResources().memory;
  return {
    memory: { allocated: resident, reserved: resident, peak: Math.max(peak, resident), free, total: granted },
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
