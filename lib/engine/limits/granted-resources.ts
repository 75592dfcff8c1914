import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { NativeDevice } from '../addon.js';
import { cgroupLimits, textOf } from './cgroup-limits.js';

/** How much of something this process may use. */
export interface Grant {
  /** At most `machine`. */
  readonly granted: number;
  readonly machine: number;
  /** What sets the limit, such as `cgroup`; undefined where all of the machine is granted. */
  readonly by: string | undefined;
}

/** What this process may use of its machine. */
export interface GrantedResources {
  /** Logical CPUs, at least 1. */
  readonly cores: Grant;
  /** Bytes; `free` of them are not in use. */
  readonly memory: Grant & { readonly free: number };
}

export interface GrantSources {
  /** Of the tree with `proc` and `sys`; for tests. Default `/`. */
  readonly root?: string;
  /** Default that of the process. */
  readonly environment?: NodeJS.ProcessEnv;
}

const GIB = 2 ** 30;

/**
 * Asks the system at each call: limits can be changed while a process runs, and free memory does.
 *
 * A quota of CPU time is rounded up: under one of 1.5 CPUs two threads use all of it, and one would leave a third unused.
 * OMP_NUM_THREADS counts as well, since it is how users and workflow engines tell a program its share of a machine.
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

/** Bytes of addresses that this process may map in all, and those that it has left; Infinity where nothing limits them. */
export function addressSpaceOf(root = '/'): { limit: number; left: number } {
  const limit = Number(/^Max address space +(\d+) /m.exec(textOf(join(root, 'proc/self/limits')))?.[1] ?? Infinity);
  const used = kibibytes(textOf(join(root, 'proc/self/status')), 'VmSize') ?? 0;
  return { limit, left: Math.max(0, limit - used) };
}

/** The device with this process's share of the machine's memory in place of all of it; a GPU as it is. */
export function grantedDevice(device: NativeDevice): NativeDevice {
  if (device.id !== 'cpu') return device;
  const { granted, free } = grantedResources().memory;
  const memoryTotal = Math.min(device.memoryTotal, granted);
  return { ...device, memoryTotal, memoryFree: Math.min(device.memoryFree ?? Infinity, free, memoryTotal) };
}

/** What is granted beside what the machine has; undefined where that is the same. */
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

/** CPUs that this process may run on; the list of those allowed also has CPUs that are not there. */
function affinity(status: string, online: readonly number[]): number {
  const allowed = cpuNumbers(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '');
  return online.filter((cpu) => allowed.includes(cpu)).length || availableParallelism();
}

/** `0-3,8`; none for what is no such list. */
function cpuNumbers(text: string): number[] {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return [];
  return text.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** `4`, or `4,2` for regions inside each other; no limit for what OpenMP would not accept either. */
function threadsIn(value: string | undefined): number {
  const threads = Number(/^\s*(\d+)\s*(,|$)/.exec(value ?? '')?.[1] ?? Infinity);
  return threads > 0 ? threads : Infinity;
}

/** The field `name:   123 kB`, in bytes. */
function kibibytes(text: string, name: string): number | undefined {
  const digits = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits) * 1024;
}
