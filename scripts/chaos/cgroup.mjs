// @ts-check
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '../../dist/lib/errors.js';
import { cgroupLevels } from '../../dist/lib/engine/limits/cgroup-limits.js';

/**
 * Limits of a cgroup: bytes of memory, CPUs' worth of time, processes and threads.
 * @typedef {{ memory?: number, cpus?: number, threads?: number }} CgroupLimits
 */

const PERIOD = 100_000;
let made = 0;

/** A cgroup below this process's own, with its own limits. Only root may make one, and not everywhere. */
export class Cgroup {
  #folders;

  /** @param {readonly string[]} folders one for each hierarchy */
  constructor(folders) {
    this.#folders = folders;
  }

  /** @param {CgroupLimits} limits @returns {Cgroup | string} or why there is none */
  static make({ memory, cpus, threads }) {
    const name = `virnucpro-${process.pid}-${++made}`;
    /** @type {string[]} */
    const folders = [];
    try {
      if (memory !== undefined) {
        const { folder, version } = newGroup('memory', name, folders);
        write(folder, version === 1 ? 'memory.limit_in_bytes' : 'memory.max', memory);
        // Without swap, so that the limit takes effect.
        const swap = version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max';
        if (existsSync(join(folder, swap))) write(folder, swap, version === 1 ? memory : 0);
      }
      if (cpus !== undefined) {
        const { folder, version } = newGroup('cpu', name, folders);
        const quota = Math.round(cpus * PERIOD);
        if (version === 1) write(folder, 'cpu.cfs_quota_us', quota);
        else write(folder, 'cpu.max', `${quota} ${PERIOD}`);
      }
      if (threads !== undefined) write(newGroup('pids', name, folders).folder, 'pids.max', threads);
      return new Cgroup(folders);
    } catch (cause) {
      for (const folder of folders) rmdirSync(folder);
      return `no cgroup can be made: ${reasonOf(cause)}`;
    }
  }

  /** Shell commands that put the shell and its children into it. */
  get entering() {
    return this.#folders.map((folder) => `echo $$ > '${join(folder, 'cgroup.procs')}'`).join(' && ');
  }

  /** Removes it; nothing may run in it any more. */
  remove() {
    for (const folder of this.#folders) rmdirSync(folder);
  }
}

/**
 * @param {'memory' | 'cpu' | 'pids'} controller
 * @param {string} name
 * @param {string[]} folders gets each folder made
 */
function newGroup(controller, name, folders) {
  const [own] = cgroupLevels(controller);
  if (!own) throw new Error(`this process is in none with the controller ${controller}`);
  const folder = join(own.folder, name);
  if (!folders.includes(folder)) {
    mkdirSync(folder);
    folders.push(folder);
  }
  return { folder, version: own.version };
}

/** @param {string} folder @param {string} name @param {number | string} value */
function write(folder, name, value) {
  // Only an existing file: where it is missing, the controller is not available.
  writeFileSync(join(folder, name), String(value), { flag: 'r+' });
}
