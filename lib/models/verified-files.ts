import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { cacheFolder } from '../engine/cache-folder.js';
import { isJsonObject, parseStrictJson, property } from './checkpoint/strict-json.js';

/** The files that were hashed last stay remembered. */
const MAX_FILES = 300;
const LONGEST_TEXT = 1_000_000;

/**
 * A file that changed so shortly before it was hashed is not remembered: it could change again within one tick of the
 * file system's clock, and look the same. Two seconds is the coarsest clock in use.
 */
const CLOCK_TICK_MILLISECONDS = 2000;

/** How a file looks from outside: nobody can change its bytes and leave the time of its last change as it was. */
export interface FileState {
  /** Size, times of the last change of content and of anything, in nanoseconds, and inode. */
  readonly text: string;
  readonly changedMilliseconds: number;
}

export async function stateOf(path: string): Promise<FileState> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
  return { text: [size, mtimeNs, ctimeNs, ino].join(' '), changedMilliseconds: Number(ctimeNs / 1_000_000n) };
}

interface Verified {
  readonly state: string;
  readonly sha256: string;
}

/**
 * Remembers which files had which hash when they looked how, as git's index does, so that gigabytes are not read at every
 * start. It lies in the user's cache folder, where libtorch lies too; one that others can write to is not read. Where it
 * cannot be written, nothing is remembered.
 */
export class VerifiedFiles {
  private constructor(
    private readonly path: string,
    private readonly files: ReadonlyMap<string, Verified>,
  ) {}

  static defaultPath(): string {
    return join(resolve(cacheFolder()), `verified-files-${process.geteuid?.() ?? 0}.json`);
  }

  static async read(path: string): Promise<VerifiedFiles> {
    return new VerifiedFiles(path, await readFiles(path));
  }

  knows(path: string, state: FileState, sha256: string): boolean {
    const known = this.files.get(resolve(path));
    return known?.state === state.text && known.sha256 === sha256;
  }

  /** @param hashedAt when hashing began, in milliseconds since 1970 */
  async remember(
    hashed: readonly { readonly path: string; readonly state: FileState; readonly sha256: string }[],
    hashedAt: number,
  ): Promise<void> {
    const settled = hashed.filter(({ state }) => state.changedMilliseconds + CLOCK_TICK_MILLISECONDS < hashedAt);
    if (settled.length === 0) return;
    // Another process may have written since: what it remembered is kept.
    const files = new Map(await readFiles(this.path));
    for (const { path, state, sha256 } of settled) {
      files.delete(resolve(path));
      files.set(resolve(path), { state: state.text, sha256 });
    }
    const text = JSON.stringify({ format: 1, files: Object.fromEntries([...files].slice(-MAX_FILES)) }, undefined, 1);
    const incoming = `${this.path}.${randomBytes(6).toString('hex')}`;
    try {
      await mkdir(dirname(this.path), { recursive: true });
      await writeFile(incoming, text, { flag: 'wx', mode: 0o600 });
      await rename(incoming, this.path);
    } catch {
      await rm(incoming, { force: true }).catch(() => undefined);
    }
  }
}

/** Empty for whatever is not readable, not ours alone, or not whole. */
async function readFiles(path: string): Promise<ReadonlyMap<string, Verified>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await file.stat();
    const isOursAlone = found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
    if (!found.isFile() || !isOursAlone || found.size > LONGEST_TEXT) return new Map();
    return parseFiles(await file.readFile('utf8'));
  } catch {
    return new Map();
  } finally {
    await file?.close();
  }
}

function parseFiles(text: string): ReadonlyMap<string, Verified> {
  const value = parseStrictJson(text);
  const files = isJsonObject(value) && property(value, 'format') === 1 ? property(value, 'files') : undefined;
  const found = new Map<string, Verified>();
  if (!isJsonObject(files)) return found;
  for (const [path, entry] of Object.entries(files)) {
    if (!isJsonObject(entry)) continue;
    const [state, sha256] = [property(entry, 'state'), property(entry, 'sha256')];
    if (typeof state === 'string' && typeof sha256 === 'string') found.set(path, { state, sha256 });
  }
  return found;
}
