// @ts-check
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** @typedef {{ machine: string, pid: number, started: string }} ProcessIdentity */

/** Processes can be looked up by number only within one host and, on it, one container. */
function thisMachine() {
  const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  return `${hostname()}-${namespace}`;
}

/**
 * When a process began, in clock ticks since boot: tells it from a later one that was given the same number.
 * @param {number} pid
 * @returns {string | undefined} nothing when there is no such process
 */
function startOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the command's name, may itself hold spaces and brackets: count from behind its end.
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

/** A name for files that belong to one process: no other process, now or later, has it. @param {ProcessIdentity} identity */
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
 * @returns {boolean | undefined} nothing when the process is on another machine, where nobody here can tell
 */
export function isAlive({ machine, pid, started }) {
  return machine === thisMachine() ? startOf(pid) === started : undefined;
}
