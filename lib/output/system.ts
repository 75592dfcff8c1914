import { createHash } from 'node:crypto';
import { constants, createReadStream, readFileSync, readlinkSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { writeToDisk } from '../disk.js';
import type { FileSummary } from './buffered-file.js';

/** The files of a directory that several runs may want. Failures carry the codes of the system, such as ENOENT. */
export interface SharedFiles {
  isFolder(path: string): Promise<boolean>;
  /** @returns whether it was made: not where there is something of this name */
  makeFolder(path: string): Promise<boolean>;
  removeEmptyFolder(path: string): Promise<void>;
  names(folder: string): Promise<string[]>;
  /** Opens the file for it: of a file that is not opened a network file system may tell what it was some time ago. */
  read(path: string): Promise<{ readonly text: string; readonly modified: number }>;
  digest(path: string): Promise<FileSummary>;
  /** A new file, which is on the disk then. */
  write(path: string, text: string): Promise<void>;
  /** Of a file that is there: takes no room, so that a full disk does not hinder it. */
  overwrite(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes a new file of it, or replaces the one that is there. */
  copy(from: string, to: string): Promise<void>;
  /** With everything in it; harmless where there is nothing. */
  remove(path: string): Promise<void>;
  /** Names, and what they stand for, survive a power failure then, where the file system can do that. Never fails. */
  forceToDisk(folder: string): Promise<void>;
}

/** A process, so that no other can be taken for it. What cannot be known is empty. */
export interface ProcessIdentity {
  readonly host: string;
  readonly user: string;
  /** Of the running kernel: machines may have the same name, containers other names than their machine. */
  readonly boot: string;
  /** In each of them numbers begin anew. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When it started, in the kernel's clock ticks, for process numbers are used again. */
  readonly started: string;
}

/** `gone`, `hidden` where there is one that may not be looked at, else when it started. */
export type FoundProcess = 'gone' | 'hidden' | { readonly started: string };

/** All that the owner of a directory is known by, so that tests can put another in its place. */
export interface System {
  readonly files: SharedFiles;
  identity(): ProcessIdentity;
  /** The process of this number in this process's own namespace. */
  find(pid: number): Promise<FoundProcess>;
  /** A name that no other run has. */
  newToken(): string;
  /** Milliseconds of a clock that is never set. */
  now(): number;
  /** @param options.keepsAlive whether the process may not end meanwhile */
  sleep(milliseconds: number, options: { keepsAlive: boolean }): Promise<void>;
}

export function codeOf(failure: unknown): string | undefined {
  return (failure as NodeJS.ErrnoException).code;
}

const files: SharedFiles = {
  isFolder: async (path) => (await stat(path).catch(() => undefined))?.isDirectory() === true,
  makeFolder: async (path) => {
    try {
      await mkdir(path);
      return true;
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') return false;
      throw cause;
    }
  },
  removeEmptyFolder: (path) => rmdir(path),
  names: (folder) => readdir(folder),
  read: async (path) => {
    const file = await open(path);
    try {
      const text = await file.readFile('utf8');
      return { text, modified: (await file.stat()).mtimeMs };
    } finally {
      await file.close();
    }
  },
  digest: async (path) => {
    const hash = createHash('sha256');
    const stream = createReadStream(path, { highWaterMark: 1024 * 1024 });
    await pipeline(stream, hash);
    return { bytes: stream.bytesRead, sha256: hash.digest('hex') };
  },
  write: (path, text) => writeToDisk(path, text, 'wx'),
  overwrite: async (path, text) => {
    const file = await open(path, 'r+');
    try {
      await file.write(text, 0);
    } finally {
      await file.close();
    }
  },
  rename: (from, to) => rename(from, to),
  copy: (from, to) => copyFile(from, to, constants.COPYFILE_FICLONE),
  remove: (path) => rm(path, { recursive: true, force: true }),
  forceToDisk: async (folder) => {
    const handle = await open(folder, 'r').catch(() => undefined);
    await handle?.sync().catch(() => undefined);
    await handle?.close();
  },
};

export const realSystem: System = {
  files,
  identity,
  find,
  newToken: () =>
    Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join(''),
  now: () => performance.now(),
  sleep: (milliseconds, { keepsAlive }) => setTimeout(milliseconds, undefined, { ref: keepsAlive }),
};

function identity(): ProcessIdentity {
  const own = statFields(orEmpty(() => readFileSync('/proc/self/stat', 'utf8')));
  // A /proc of another namespace tells of other processes.
  const isOwnProc = own?.pid === process.pid;
  return {
    host: hostname(),
    user: orEmpty(() => userInfo().username) || String(process.getuid?.() ?? ''),
    boot: orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    pidNamespace: isOwnProc ? orEmpty(() => readlinkSync('/proc/self/ns/pid')) : '',
    pid: process.pid,
    started: own?.started ?? '',
  };
}

async function find(pid: number): Promise<FoundProcess> {
  if (!exists(pid)) return 'gone';
  const fields = statFields(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
  // Unreadable where /proc is mounted with hidepid, or because it has just ended.
  if (fields === undefined) return exists(pid) ? 'hidden' : 'gone';
  // It is over, but nobody has asked how it ended: in a container without an init process it stays so.
  if (fields.state === 'Z' || fields.state === 'X') return 'gone';
  return { started: fields.started };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM means that there is such a process, of another user.
    return codeOf(cause) === 'EPERM';
  }
}

/** Of /proc/PID/stat; undefined where it could not be read. */
function statFields(text: string): { pid: number; state: string; started: string } | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields[0], fields[19]];
  return state && started ? { pid: Number.parseInt(text, 10), state, started } : undefined;
}

function orEmpty(look: () => string): string {
  try {
    return look();
  } catch {
    return '';
  }
}
