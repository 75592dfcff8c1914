import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Limits that the control groups set for this process; Infinity where they set none. */
export interface CgroupLimits {
  /** Bytes. */
  readonly memory: number;
  /** Bytes left within the limit. File pages that are not in use, which the kernel can drop, count as left. */
  readonly memoryFree: number;
  /** Quota of CPU time in CPUs, such as 1.5. */
  readonly cpus: number;
}

type Controller = 'memory' | 'cpu' | 'pids';

/** The cgroup that this process is in, or one above it. */
export interface CgroupLevel {
  readonly folder: string;
  readonly version: 1 | 2;
}

interface Mount {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  /** The cgroup at the mount point. */
  readonly root: string;
  readonly point: string;
}

/**
 * Reads the limits of every cgroup from the process's own up to the topmost visible one: a batch system sets a job's
 * limit on an ancestor of the process's cgroup. A file that cannot be read sets no limit.
 *
 * @param root root of the tree with `proc` and the mounted hierarchies; for tests
 */
export function cgroupLimits(root = '/'): CgroupLimits {
  const memory = cgroupLevels('memory', root).map(memoryLimit);
  const cpus = cgroupLevels('cpu', root).map(cpuLimit);
  return {
    memory: Math.min(...memory.map(({ limit }) => limit)),
    memoryFree: Math.min(...memory.map(({ limit, used }) => Math.max(0, limit - used))),
    cpus: Math.min(...cpus),
  };
}

/** Innermost first. A hybrid system has hierarchies of both versions; each controller is in one of them. */
export function cgroupLevels(controller: Controller, root = '/'): CgroupLevel[] {
  const memberships = linesOf(join(root, 'proc/self/cgroup')).map(parseMembership);
  const mounts = linesOf(join(root, 'proc/self/mountinfo')).flatMap(parseMount);
  return ([1, 2] as const).flatMap((version) => {
    const isMember = (names: readonly string[]): boolean => (version === 2 ? true : names.includes(controller));
    const path = memberships.find((one) => one.version === version && isMember(one.controllers))?.path;
    if (path === undefined) return [];
    const fitting = mounts.filter((mount) => mount.version === version && isMember(mount.controllers));
    const folders = fitting.flatMap((mount) => foldersUpwards(mount, path));
    // If nothing matches, the path is from another namespace; the mount is the container's own cgroup, or one above it.
    const known = folders.length > 0 ? folders : fitting.slice(0, 1).map(({ point }) => point);
    return known.map((folder) => ({ folder: join(root, folder), version }));
  });
}

/** The folder of the cgroup, and those above it up to the mount point; empty if the mount does not contain it. */
function foldersUpwards({ root, point }: Mount, path: string): string[] {
  const base = root === '/' ? '' : root;
  if (path !== root && !path.startsWith(`${base}/`)) return [];
  const names = path
    .slice(base.length)
    .split('/')
    .filter((name) => name !== '');
  if (names.includes('..')) return [];
  return Array.from({ length: names.length + 1 }, (_, up) => join(point, ...names.slice(0, names.length - up)));
}

/** Version 1: `4:cpu,cpuacct:/some/path`; version 2: `0::/some/path`. */
function parseMembership(line: string): Pick<Mount, 'version' | 'controllers'> & { path: string } {
  const [, hierarchy = '', controllers = '', path = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
  return { version: hierarchy === '0' ? 2 : 1, controllers: controllers.split(','), path };
}

/** `36 25 0:31 ROOT POINT rw,nosuid shared:9 - cgroup cgroup rw,memory`: see proc(5). */
function parseMount(line: string): Mount[] {
  const [ours = '', theirs = ''] = line.split(' - ');
  const [, , , root = '', point = ''] = ours.split(' ').map(unescaped);
  const [type, , options = ''] = theirs.split(' ');
  if (type !== 'cgroup' && type !== 'cgroup2') return [];
  return [{ version: type === 'cgroup' ? 1 : 2, controllers: options.split(','), root, point }];
}

/** mountinfo writes a blank as `\040`. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function memoryLimit({ folder, version }: CgroupLevel): { limit: number; used: number } {
  const number = (name: string): number | undefined => numberIn(textOf(join(folder, name)));
  const statistics = textOf(join(folder, 'memory.stat'));
  const used = number(version === 1 ? 'memory.usage_in_bytes' : 'memory.current');
  const droppable = numberOf(statistics, version === 1 ? 'total_inactive_file' : 'inactive_file');
  const limits =
    version === 1
      ? // The second one also covers cgroups that a container does not see.
        [number('memory.limit_in_bytes'), numberOf(statistics, 'hierarchical_memory_limit')]
      : [number('memory.max'), number('memory.high')];
  return {
    limit: Math.min(...limits.map((limit) => limit ?? Infinity)),
    used: Math.max(0, (used ?? 0) - (droppable ?? 0)),
  };
}

function cpuLimit({ folder, version }: CgroupLevel): number {
  const [quota, period] =
    version === 1
      ? [textOf(join(folder, 'cpu.cfs_quota_us')), textOf(join(folder, 'cpu.cfs_period_us'))].map(numberIn)
      : textOf(join(folder, 'cpu.max')).split(' ').map(numberIn);
  return quota !== undefined && period !== undefined && period > 0 ? quota / period : Infinity;
}

/** @returns undefined if it is not a number, such as `max`, or negative, such as the -1 for no quota */
function numberIn(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The number after a name at the start of a line. */
function numberOf(text: string, name: string): number | undefined {
  return numberIn(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? '');
}

/** Trimmed content of a kernel file; empty if it cannot be read. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function linesOf(path: string): string[] {
  return textOf(path).split('\n');
}
