import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { NativeDevice } from '../addon.js';
import { cgroupLimits, textOf } from './cgroup-limits.js';

/** How much of something this process may use. */
export interface Grant {
  /** At most `machine`. */
  readonly granted: number;
  readonly machine: number;
  /** What sets the limit, such as `cgroup`; undefined if the whole machine is granted. */
  readonly by: string | undefined;
}

/** What this process may use of its machine. */
export interface GrantedResources {
  /** Logical CPUs, at least 1. */
  readonly cores: Grant;
  /** Bytes; `free`: those not in use. */
  readonly memory: Grant & { readonly free: number };
}

export interface GrantSources {
  /** Root of the tree with `proc` and `sys`; for tests. Defaults to `/`. */
  readonly root?: string;
  /** Defaults to the process's environment. */
  readonly environment?: NodeJS.ProcessEnv;
}

const GIB = 2 ** 30;

/**
 * Queries the system at each call: limits can change while a process runs, and free memory does.
 *
 * A quota of CPU time is rounded up: with 1.5 CPUs two threads use all of it, while one would leave a third unused.
 * OMP_NUM_THREADS counts too, since users and workflow engines use it to tell a program its part of a machine.
 */
export function grantedResources({ root = '/', environment = process.env }: GrantSources = {}): GrantedResources {
  const proc = (name: string): string => textOf(join(root, 'proc', name));
  const cgroup = cgroupLimits(root);
  const online = cpuNumbers(textOf(join(root, 'sys/devices/system/cpu/online')));
  const machineCores = online.length || cpus().length || 1;
  const cores = smallest(machineCores, [
    { limit: affinity(proc('self/status'), online), by: 'CPU affinity' },
    { limit: Math.max(1, Math.ceil(cgroup.cpus)), by: 'cgroup' },
    ...['OMP_NUM_THREADS', 'OMP_THREAD_LIMIT'].map((by) => ({ limit: threadsIn(environment[by]), by })),
  ]);
  const meminfo = proc('meminfo');
  const addressSpace = addressSpaceOf(root);
  const memory = smallest(Math.min(kibibytes(meminfo, 'MemTotal') ?? Infinity, totalmem()), [
    { limit: cgroup.memory, by: 'cgroup' },
    { limit: addressSpace.limit, by: 'ulimit -v' },
  ]);
  const free = Math.min(
    kibibytes(meminfo, 'MemAvailable') ?? Infinity,
    cgroup.memoryFree,
    addressSpace.left,
    memory.granted,
  );
  return { cores, memory: { ...memory, free } };
}

/** Bytes of address space that this process may map in total, and has left; Infinity without a limit. */
export function addressSpaceOf(root = '/'): { limit: number; left: number } {
  const limit = Number(/^Max address space +(\d+) /m.exec(textOf(join(root, 'proc/self/limits')))?.[1] ?? Infinity);
  const used = kibibytes(textOf(join(root, 'proc/self/status')), 'VmSize') ?? 0;
  return { limit, left: Math.max(0, limit - used) };
}

/** The CPU with the memory granted to this process in place of the machine's; a GPU unchanged. */
export function grantedDevice(device: NativeDevice): NativeDevice {
  if (device.id !== 'cpu') return device;
  const { granted, free } = grantedResources().memory;
  const memoryTotal = Math.min(device.memoryTotal, granted);
  return { ...device, memoryTotal, memoryFree: Math.min(device.memoryFree ?? Infinity, free, memoryTotal) };
}

/** The grant next to what the machine has; undefined if they are the same. */
export function grantText({ cores, memory }: GrantedResources): string | undefined {
  const gib = (bytes: number): string => (bytes / GIB).toFixed(1);
  const parts = [
    cores.by !== undefined && `${cores.granted} of ${cores.machine} cores (${cores.by})`,
    memory.by !== undefined && `${gib(memory.granted)} of ${gib(memory.machine)} GiB of memory (${memory.by})`,
  ].filter((part) => part !== false);
  return parts.length > 0 ? `granted to this process: ${parts.join(', ')}` : undefined;
}

function smallest(machine: number, limits: readonly { limit: number; by: string }[]): Grant {
  let least: Grant = { granted: machine, machine, by: undefined };
  for (const { limit, by } of limits) if (limit < least.granted) least = { granted: limit, machine, by };
  return least;
}

/** Number of CPUs that this process may run on; the allowed list also names CPUs that do not exist. */
function affinity(status: string, online: readonly number[]): number {
  const allowed = cpuNumbers(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '');
  return online.filter((cpu) => allowed.includes(cpu)).length || availableParallelism();
}

/** `0-3,8`; empty if it is not such a list. */
function cpuNumbers(text: string): number[] {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return [];
  return text.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** `4`, or `4,2` for nested regions; no limit for a value that OpenMP would not accept either. */
function threadsIn(value: string | undefined): number {
  const threads = Number(/^\s*(\d+)\s*(,|$)/.exec(value ?? '')?.[1] ?? Infinity);
  return threads > 0 ? threads : Infinity;
}

/** The field `name:   123 kB`, in bytes. */
function kibibytes(text: string, name: string): number | undefined {
  const digits = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits) * 1024;
}
