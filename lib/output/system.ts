import { createHash } from 'node:crypto';
import { constants, createReadStream, readFileSync, readlinkSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { writeToDisk } from '../disk.js';
import type { FileSummary } from './buffered-file.js';

/** File operations in a directory that several runs may use. Failures carry the system's codes, such as ENOENT. */
export interface SharedFiles {
  isFolder(path: string): Promise<boolean>;
  /** @returns whether it was made: false if the name is taken */
  makeFolder(path: string): Promise<boolean>;
  removeEmptyFolder(path: string): Promise<void>;
  names(folder: string): Promise<string[]>;
  /** Opens the file first, because a network file system may report an outdated state of a file that is not open. */
  read(path: string): Promise<{ readonly text: string; readonly modified: number }>;
  digest(path: string): Promise<FileSummary>;
  /** Writes a new file and forces it to the disk. */
  write(path: string, text: string): Promise<void>;
  /** Overwrites an existing file in place: needs no space, so it works on a full disk. */
  overwrite(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Creates or replaces the target. */
  copy(from: string, to: string): Promise<void>;
  /** Recursive; does nothing if the path does not exist. */
  remove(path: string): Promise<void>;
  /** Makes the folder's entries survive a power failure, if the file system can do that. Never fails. */
  forceToDisk(folder: string): Promise<void>;
}

/** Identifies a process unambiguously. What is unknown is empty. */
export interface ProcessIdentity {
  readonly host: string;
  readonly user: string;
  /** Boot id of the running kernel: machines may have the same name, and containers other names than their machine. */
  readonly boot: string;
  /** Process numbers start over in each namespace. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Start time in the kernel's clock ticks, because process numbers are reused. */
  readonly started: string;
}

/** `gone`; `hidden` if it exists but may not be looked at; else its start time. */
export type FoundProcess = 'gone' | 'hidden' | { readonly started: string };

/** Everything that claiming a directory needs of the operating system, so that tests can replace it. */
export interface System {
  readonly files: SharedFiles;
  identity(): ProcessIdentity;
  /** The process of this number in this process's own namespace. */
  find(pid: number): Promise<FoundProcess>;
  /** Makes a unique name for a run. */
  newToken(): string;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** @param options.keepsAlive whether the timer keeps the process alive */
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
  // A /proc of another namespace describes other processes.
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
  // It has ended, but nobody has waited for it: in a container without an init process it stays a zombie.
  if (fields.state === 'Z' || fields.state === 'X') return 'gone';
  return { started: fields.started };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it exists, but belongs to another user.
    return codeOf(cause) === 'EPERM';
  }
}

/** Parses /proc/PID/stat; undefined if it could not be read. */
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
