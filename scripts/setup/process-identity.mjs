// @ts-check
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** @typedef {{ machine: string, pid: number, started: string }} ProcessIdentity */

/** Within one host and, on it, one container, a process can be looked up by its number. */
function thisMachine() {
  const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  return `${hostname()}-${namespace}`;
}

/**
 * When a process began, in clock ticks since boot: distinguishes it from a later one with the same number.
 * @param {number} pid
 * @returns {string | undefined} undefined when there is no such process
 */
function startOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the command's name, may itself contain spaces and brackets: start behind its end.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** @returns {ProcessIdentity} */
export function thisProcess() {
  return { machine: thisMachine(), pid: process.pid, started: startOf(process.pid) ?? '0' };
}

/** A name for files of one process: no other process, now or later, gets the same. @param {ProcessIdentity} identity */
export function nameFor({ machine, pid, started }) {
  return `${machine}.${pid}.${started}`;
}

/** @param {string} name @returns {ProcessIdentity | undefined} */
export function identityFrom(name) {
  const match = /^(.+)\.(\d+)\.(\d+)$/.exec(name);
  return match?.[1] && match[2] && match[3]
    ? { machine: match[1], pid: Number(match[2]), started: match[3] }
    : undefined;
}

/**
 * @param {ProcessIdentity} identity
 * @returns {boolean | undefined} undefined when the process is on another machine, which cannot be checked from here
 */
export function isAlive({ machine, pid, started }) {
  return machine === thisMachine() ? startOf(pid) === started : undefined;
}
