import { readFileSync } from 'node:fs';

interface Copies {
  readonly copies: number;
  readonly bytes: number;
}

export interface KernelCount {
  readonly launches: number;
  /** Bytes of its operands: the minimum that it has to move. */
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
  /** By the name of the operator or kernel. */
  readonly kernels: Readonly<Record<string, KernelCount>>;
  /** How often the host had to wait for an operator's result, by operator. */
  readonly waits: Readonly<Record<string, number>>;
  readonly copies: Readonly<
    Partial<Record<'toDevicePinned' | 'toDevicePageable' | 'toHostPinned' | 'toHostPageable' | 'onDevice', Copies>>
  >;
}

/** The work given to the simulated GPUs of a process. */
export interface SimulationReport {
  /** Memory that was newly page-locked. */
  readonly pageLocked: Copies;
  readonly devices: readonly DeviceReport[];
}

/** Reads the report of a process, which exists if the process ended by itself. */
export function readReport(path: string): SimulationReport {
  return JSON.parse(readFileSync(path, 'utf8')) as SimulationReport;
}

/** Total number of kernels given to a device. */
export function launchesOf({ kernels }: DeviceReport): number {
  return Object.values(kernels).reduce((sum, { launches }) => sum + launches, 0);
}
