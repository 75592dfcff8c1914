import { readFileSync, writeFileSync } from 'node:fs';
import type { Addon } from '../engine/addon.js';

/** What a device's memory held. */
export interface PeakMemory {
  /** Bytes when the model was loaded, before its first batch. */
  readonly loaded: number;
  /** The most bytes since then. */
  readonly peak: number;
  /** Whether the peak may be that of loading: the kernel did not let it be reset. */
  readonly includesLoading: boolean;
}

/** Watches the memory of one device: on the CPU that of this process, on a GPU what the device reports as used. */
export interface MemoryWatch {
  /** To call when the model is loaded. */
  begin(): void;
  /** The figures so far. */
  read(): PeakMemory;
}

/** To call before the model is loaded. */
export function watchMemory(device: string, addon: Pick<Addon, 'devices'>): MemoryWatch {
  return device === 'cpu' ? new ResidentMemory() : new DeviceMemory(device, addon);
}

/** The resident size of this process, which the kernel keeps the peak of. */
class ResidentMemory implements MemoryWatch {
  #loaded = 0;
  #isReset = false;

  begin(): void {
    try {
      // The kernel's word for "forget the peak", see proc(5).
      writeFileSync('/proc/self/clear_refs', '5');
      this.#isReset = true;
    } catch {
      this.#isReset = false;
    }
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

/** Memory of a GPU: libtorch gives none of it back while it runs, so that what is used at the end is the peak. */
class DeviceMemory implements MemoryWatch {
  readonly #used: () => number;
  readonly #before: number;
  #loaded = 0;

  constructor(id: string, addon: Pick<Addon, 'devices'>) {
    this.#used = () => {
      const { memoryTotal, memoryFree } = addon.devices().find((device) => device.id === id)!;
      return memoryTotal - memoryFree;
    };
    this.#before = this.#used();
  }

  begin(): void {
    this.#loaded = this.#used() - this.#before;
  }

  read(): PeakMemory {
    return { loaded: this.#loaded, peak: this.#used() - this.#before, includesLoading: false };
  }
}
