// @ts-check
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityFrom, isAlive, nameFor, thisProcess } from './process-identity.mjs';

const heartbeatMilliseconds = 10_000;
/** A holder on another machine without a heartbeat for this long is taken for dead. */
const silenceMilliseconds = 120_000;

/**
 * Runs an action while no other process runs one under the same lock.
 *
 * The lock is a folder of files, each named after one process. A process adds its own, then looks at the others: if it
 * is alone among the living, it holds the lock; otherwise it removes its file and tries again later. Of two processes
 * that arrive at once, at least the later sees the other, so both never proceed; and since a dead process's name never
 * comes back, removing its file cannot hit anyone else's.
 *
 * @template T
 * @param {string} folder
 * @param {(holder: string) => void} onWait called once, if there is a holder to wait for
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export async function withLock(folder, onWait, action) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, nameOfThisProcess());
  let told = false;
  for (;;) {
    let holder = otherHolder(folder, file);
    if (holder === undefined) {
      writeFileSync(file, '', { flag: 'wx' });
      holder = otherHolder(folder, file);
      if (holder === undefined) break;
      rmSync(file, { force: true });
    } else if (!told) {
      onWait(holder);
      told = true;
    }
    await sleep(100 + Math.random() * 200);
  }
  const heartbeat = setInterval(() => beat(file), heartbeatMilliseconds);
  try {
    return await action();
  } finally {
    clearInterval(heartbeat);
    rmSync(file, { force: true });
  }
}

/** @param {string} folder @param {string} own @returns {string | undefined} describes a living holder */
function otherHolder(folder, own) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (path === own) continue;
    const holder = livingHolder(folder, name);
    if (holder) return `process ${holder.pid} on ${holder.machine}`;
    rmSync(path, { force: true });
  }
  return undefined;
}

/**
 * The process of a name, unless it is dead, or is on another machine without a recent heartbeat in the lock's folder.
 * @param {string} folder of the lock
 * @param {string} name by `nameFor`
 */
export function livingHolder(folder, name) {
  const identity = identityFrom(name);
  return identity && (isAlive(identity) ?? beatsStill(join(folder, name))) ? identity : undefined;
}

/** The name of this process, as `livingHolder` understands it. */
export function nameOfThisProcess() {
  return nameFor(thisProcess());
}

/** @param {string} path */
function beatsStill(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.mtimeMs < silenceMilliseconds;
}

/** @param {string} path */
function beat(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // The folder was removed under us: the action goes on, and there is no file left to keep alive.
  }
}
