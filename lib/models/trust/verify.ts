import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { reasonOf, VirnucproError } from '../../errors.js';
import { unlessAborted } from '../../unless-aborted.js';
import { isJsonObject, parseStrictJson, property } from '../json.js';
import { sha256InThread, sha256OfFile } from './sha256.js';
import { cacheFolder } from '../../engine/libtorch/find-libtorch.js';

/** Smaller files are hashed every time, which takes no noticeable time; larger ones once, until they change. */
const LARGE_BYTES = 2 ** 24;

/** A file and its expected content. */
export interface PinnedFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface VerifyOptions {
  /** Called before large files are read, with their total size in bytes; not called when none has to be read. */
  readonly onRead?: (bytes: number) => void;
  /** Whether to read files again that have not changed since they were verified. Defaults to false. */
  readonly again?: boolean;
  /** File that records what was verified; see VerifiedFiles. */
  readonly memory?: string;
  /** Bytes from which a file counts as large: hashed in a thread, and remembered. Defaults to 16 MiB. */
  readonly large?: number;
  /** Milliseconds since 1970. Defaults to Date.now. */
  readonly now?: () => number;
  /** Ends the hashing at once. */
  readonly signal?: AbortSignal | undefined;
}

interface Candidate extends PinnedFile {
  readonly state: FileState;
}

/**
 * Compares files with their hashes, all concurrently, each at the speed of the disk or of one core.
 *
 * @throws VNP_MODEL_INVALID naming the file that differs or cannot be read; the signal's reason
 */
export function verifyFiles(files: readonly PinnedFile[], options: VerifyOptions = {}): Promise<void> {
  return unlessAborted(verifyAll(files, options), options.signal);
}

async function verifyAll(files: readonly PinnedFile[], options: VerifyOptions): Promise<void> {
  const { onRead, again = false, large = LARGE_BYTES, now = Date.now } = options;
  const memory = await VerifiedFiles.read(options.memory ?? VerifiedFiles.defaultPath());
  const candidates = await Promise.all(files.map(async (file) => ({ ...file, state: await readState(file) })));
  const unknown = candidates.filter(({ path, state, sha256 }) => again || !memory.knows(path, state, sha256));
  const isLarge = ({ bytes }: PinnedFile): boolean => bytes >= large;
  const total = unknown.filter(isLarge).reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > 0) onRead?.(total);
  const started = now();
  const failed = new AbortController();
  const { signal } = options;
  const ended = signal ? AbortSignal.any([failed.signal, signal]) : failed.signal;
  try {
    await Promise.all(unknown.map((file) => verifyFile(file, isLarge(file), ended)));
  } finally {
    // One failure decides: stop hashing the other files.
    failed.abort();
  }
  await memory.remember(unknown.filter(isLarge), started);
}

async function verifyFile(file: Candidate, isLarge: boolean, failed: AbortSignal): Promise<void> {
  const { path, sha256, state } = file;
  let found: string;
  try {
    found = await (isLarge ? sha256InThread(path, failed) : sha256OfFile(path));
  } catch (error) {
    throw unreadable(path, error);
  }
  if (found !== sha256) {
    const next = 'The file was damaged or changed; import the model again';
    throw new VirnucproError('VNP_MODEL_INVALID', `The SHA-256 of ${path} is ${found} instead of ${sha256}. ${next}`);
  }
  if ((await readState(file)).text === state.text) return;
  throw new VirnucproError('VNP_MODEL_INVALID', `${path} changed while it was read. Try again`);
}

async function readState({ path }: PinnedFile): Promise<FileState> {
  try {
    return await stateOf(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Error {
  const message = `The archive ${path} cannot be read: ${reasonOf(error)}. Import the model again`;
  return new VirnucproError('VNP_MODEL_INVALID', message, { cause: error });
}

/** Number of files that are remembered, the most recently hashed ones. */
const MAX_FILES = 300;
const MAX_TEXT = 1_000_000;

/**
 * Files that changed less than this before they were hashed are not remembered: such a file could change again within
 * one tick of the file system's clock and look the same. Two seconds is the coarsest clock in use.
 */
const CLOCK_TICK_MILLISECONDS = 2000;

/** The state of a file in its metadata: nobody can change its bytes without changing ctime. */
interface FileState {
  /** Size, mtime and ctime in nanoseconds, and inode. */
  readonly text: string;
  readonly changedMilliseconds: number;
}

async function stateOf(path: string): Promise<FileState> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
  return { text: [size, mtimeNs, ctimeNs, ino].join(' '), changedMilliseconds: Number(ctimeNs / 1_000_000n) };
}

interface Verified {
  readonly state: string;
  readonly sha256: string;
}

/**
 * Remembers the state and hash of verified files, like git's index, so that gigabytes are not read at every start. The
 * record lies in the user's cache folder, beside libtorch. It is ignored if others can write to it; where it cannot be
 * written, nothing is remembered.
 */
class VerifiedFiles {
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
    // Keep what another process has written since.
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

/** Empty if the record is unreadable, malformed, or can be written by others. */
async function readFiles(path: string): Promise<ReadonlyMap<string, Verified>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await file.stat();
    const isOursAlone = found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
    if (!found.isFile() || !isOursAlone || found.size > MAX_TEXT) return new Map();
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
