import { readFileSync } from 'node:fs';

interface Copies {
  readonly copies: number;
  readonly bytes: number;
}

export interface KernelCount {
  readonly launches: number;
  /** Bytes of its operands: what it has to move at least. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface DeviceReport {
  /** The ordinal among the visible GPUs. */
  readonly device: number;
  /** The number in bus order. */
  readonly gpu: number;
  readonly streams: number;
  readonly peakAllocated: number;
  readonly peakReserved: number;
  /** By the operator's or the kernel's name. */
  readonly kernels: Readonly<Record<string, KernelCount>>;
  /** Operators whose results the host had to wait for, and how often. */
  readonly waits: Readonly<Record<string, number>>;
  readonly copies: Readonly<
    Partial<Record<'toDevicePinned' | 'toDevicePageable' | 'toHostPinned' | 'toHostPageable' | 'onDevice', Copies>>
  >;
}

/** What the simulated GPUs of a process were given to do. */
export interface SimulationReport {
  /** Memory that had to be page-locked anew. */
  readonly pageLocked: Copies;
  readonly devices: readonly DeviceReport[];
}

/** Reads the file that a process was told to write; it is there when the process ended by itself. */
export function readReport(path: string): SimulationReport {
  return JSON.parse(readFileSync(path, 'utf8')) as SimulationReport;
}

/** Kernels that a device was given, in all. */
export function launchesOf({ kernels }: DeviceReport): number {
  return Object.values(kernels).reduce((sum, { launches }) => sum + launches, 0);
}
