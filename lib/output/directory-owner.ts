import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process that a folder of unfinished files belongs to. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process started, in the kernel's clock ticks, for process numbers are used again. */
  readonly started: string;
}

const OWNER_FILE = 'owner.json';
const HEARTBEAT_INTERVAL = 10_000;
/** Three heartbeats, and some time for a file system that hands them on late. */
const PATIENCE = 35_000;
const LOOKING_INTERVAL = 250;

/** Enters this process as the owner of a folder. */
export async function writeOwner(folder: string): Promise<void> {
  const owner: Owner = { host: hostname(), pid: process.pid, started: await startOf(process.pid) };
  await writeFile(join(folder, OWNER_FILE), JSON.stringify(owner));
}

/** Whether a process of another machine owns it. */
export function isElsewhere(owner: Owner | undefined): owner is Owner {
  return owner !== undefined && owner.host !== hostname();
}

export async function readOwner(folder: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, OWNER_FILE), 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** @param owner as the folder names it; a folder of an older version names none */
export async function isRunning(pid: number, owner: Owner | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // EPERM means that there is such a process, of another user.
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const [state, ...fields] = await statOf(pid);
  // It is over, but nobody has asked how it ended: in a container without an init process it stays so.
  if (state === 'Z' || state === 'X') return false;
  // In a container every run may get the same number, so a number alone does not say that the run is alive.
  if (owner === undefined) return pid !== process.pid;
  return owner.started === startIn(fields);
}

async function startOf(pid: number): Promise<string> {
  return startIn((await statOf(pid)).slice(1));
}

/** Fields 3 and on of /proc/PID/stat; none where it cannot be read. */
async function statOf(pid: number): Promise<string[]> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Field 22 of /proc/PID/stat, of the fields from 4 on; empty where it could not be read. */
function startIn(fields: readonly string[]): string {
  return fields[18] ?? '';
}

/**
 * Whether the process of another machine shows a sign of life. It cannot be asked from here, so it is watched for a while.
 * Only that the time of its file changes counts, not which time that is: the clocks of two machines may differ.
 *
 * @param patience milliseconds
 */
export async function showsLife(folder: string, patience = PATIENCE): Promise<boolean> {
  const first = await lastBeat(folder);
  const end = performance.now() + patience;
  while (performance.now() < end) {
    await sleep(LOOKING_INTERVAL);
    const beat = await lastBeat(folder);
    // It ended meanwhile.
    if (beat === undefined) return false;
    if (beat !== first) return true;
  }
  return false;
}

async function lastBeat(folder: string): Promise<number | undefined> {
  return (await stat(join(folder, OWNER_FILE)).catch(() => undefined))?.mtimeMs;
}

/** Shows those of other machines that this process is alive, until the timer is cleared. */
export function startHeartbeat(folder: string): NodeJS.Timeout {
  const beat = (): void => {
    const now = new Date();
    // Where it fails there is nothing to show any more; what is written there fails too, and says so.
    utimes(join(folder, OWNER_FILE), now, now).catch(() => undefined);
  };
  return setInterval(beat, HEARTBEAT_INTERVAL).unref();
}
