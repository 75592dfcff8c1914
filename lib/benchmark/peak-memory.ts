import { readFileSync, writeFileSync } from 'node:fs';
import type { NativeWorker } from '../engine/addon.js';

/** What a device's memory held. */
export interface PeakMemory {
  /** Bytes when the model was loaded, before its first batch. */
  readonly loaded: number;
  /** The most bytes since then. */
  readonly peak: number;
  /** Whether the peak may be that of loading: it could not be reset. */
  readonly includesLoading: boolean;
}

/** Watches the memory of one device: on the CPU that of this process, on a GPU what libtorch takes there. */
export interface MemoryWatch {
  /** The figures so far. */
  read(): PeakMemory;
}

/** Begins to watch; to call when the model is loaded. */
export function watchMemory(device: string, worker: Pick<NativeWorker, 'memory'>): MemoryWatch {
  return device === 'cpu' ? new ResidentMemory() : new DeviceMemory(worker);
}

/** The resident size of this process, which the kernel keeps the peak of. */
class ResidentMemory implements MemoryWatch {
  readonly #loaded: number;
  readonly #isReset: boolean;

  constructor() {
    let isReset = false;
    try {
      // The kernel's word for "forget the peak", see proc(5).
      writeFileSync('/proc/self/clear_refs', '5');
      isReset = true;
    } catch {
      // Said in what is read.
    }
    this.#isReset = isReset;
    this.#loaded = statusBytes('VmRSS');
  }

  read(): PeakMemory {
    return { loaded: this.#loaded, peak: statusBytes('VmHWM'), includesLoading: !this.#isReset };
  }
}

function statusBytes(field: string): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'latin1'));
  return Number(kilobytes?.[1]) * 1024;
}

/** What libtorch has taken of a GPU, used or kept for what comes. */
class DeviceMemory implements MemoryWatch {
  readonly #worker: Pick<NativeWorker, 'memory'>;
  readonly #loaded: number;

  constructor(worker: Pick<NativeWorker, 'memory'>) {
    this.#worker = worker;
    this.#loaded = worker.memory().reserved;
  }

  read(): PeakMemory {
    return { loaded: this.#loaded, peak: this.#worker.memory().peakReserved, includesLoading: true };
  }
}
