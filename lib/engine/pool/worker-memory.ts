import { peakResidentBytes, residentBytes } from '../../process-memory.js';
import type { Addon, NativeSensors } from '../addon.js';
import { grantedResources } from '../limits/granted-resources.js';
import type { PoolWorker } from './pool-worker.js';

/** Memory of one worker, in bytes. */
export interface WorkerMemory {
  /** Taken by the worker's tensors; on the CPU the process's resident memory, since its workers share the weights. */
  readonly allocated: number;
  /** Allocated, or kept by the allocator for later batches. */
  readonly reserved: number;
  /** Peak of `reserved` so far. */
  readonly peak: number;
  /** Free on the device, across all processes; on the CPU what is left of the memory granted to this process. */
  readonly free: number;
  readonly total: number;
}

/** State of a worker's device at one moment; undefined where nothing measures it. */
export interface WorkerReading {
  readonly memory: WorkerMemory;
  /** 0 to 1. */
  readonly utilisation: number | undefined;
  /** Degrees Celsius. */
  readonly temperature: number | undefined;
}

/** Milliseconds for which a reading holds. */
const MAX_AGE = 250;

/** Readings of some workers, for any number of runs at once: reading takes too long for each of many short ones. */
export class WorkerReadings {
  readonly #addon: Pick<Addon, 'sensors'>;
  readonly #workers: readonly PoolWorker[];
  #last: { readonly time: number; readonly readings: Promise<WorkerReading[]> } | undefined;

  constructor(addon: Pick<Addon, 'sensors'>, workers: readonly PoolWorker[]) {
    this.#addon = addon;
    this.#workers = workers;
  }

  /** A reading for each worker, in order, at most a quarter of a second old. */
  read(): Promise<WorkerReading[]> {
    const now = performance.now();
    if (!this.#last || now - this.#last.time > MAX_AGE) {
      this.#last = { time: now, readings: readWorkers(this.#addon, this.#workers) };
    }
    return this.#last.readings;
  }
}

/** A reading for each worker, in order. */
export async function readWorkers(
  addon: Pick<Addon, 'sensors'>,
  workers: readonly PoolWorker[],
): Promise<WorkerReading[]> {
  const ids = [...new Set(workers.map(({ deviceId }) => deviceId))].filter((id) => id !== 'cpu');
  const sensors = ids.length > 0 ? await addon.sensors(ids) : [];
  const sensorsOf = new Map(ids.map((id, index) => [id, sensors[index]!]));
  return workers.map((worker) => {
    const found = sensorsOf.get(worker.deviceId);
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

function gpuReading({ native, description }: PoolWorker, sensors: NativeSensors): WorkerReading {
  const { allocated, reserved, peakReserved } = native.memory();
  const total = sensors.memoryTotal ?? description.device.memoryTotal;
  return {
    // Without NVML only this process's own memory is known.
    memory: { allocated, reserved, peak: peakReserved, free: sensors.memoryFree ?? total - reserved, total },
    utilisation: sensors.utilisation ?? undefined,
    temperature: sensors.temperature ?? undefined,
  };
}
