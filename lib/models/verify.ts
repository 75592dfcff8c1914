import { expected, reasonOf } from '../errors.js';
import { unlessAborted } from '../unless-aborted.js';
import { sha256InThread, sha256OfFile } from './sha256.js';
import { stateOf, VerifiedFiles, type FileState } from './verified-files.js';

/** Files below this size are hashed every time, which takes less than a blink; larger ones once, until they change. */
const LARGE_BYTES = 2 ** 24;

/** A file and what it should be. */
export interface PinnedFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface VerifyOptions {
  /** Called with the bytes of the large files that have to be read, before they are; not at all when there are none. */
  readonly onRead?: (bytes: number) => void;
  /** Whether files are read again that did not change since they were. Defaults to false. */
  readonly again?: boolean;
  /** Where it is remembered what was read; see VerifiedFiles. */
  readonly memory?: string;
  /** Bytes from which a file is large: hashed by a thread, and remembered. Defaults to 16 MiB. */
  readonly large?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Ends the hashing at once. */
  readonly signal?: AbortSignal | undefined;
}

interface Candidate extends PinnedFile {
  readonly state: FileState;
}

/**
 * Compares files with their hashes, all at once, each at the speed of the disk or of one core.
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
    // One wrong file is enough: nobody waits for the others.
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
    throw expected('VNP_MODEL_INVALID', `the SHA-256 ${sha256}`, path, found, next);
  }
  if ((await readState(file)).text === state.text) return;
  throw expected('VNP_MODEL_INVALID', 'a file at rest', path, 'one that changes while it is read', 'Try again');
}

async function readState({ path }: PinnedFile): Promise<FileState> {
  try {
    return await stateOf(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Error {
  return expected('VNP_MODEL_INVALID', 'a readable archive', path, reasonOf(error), 'Import the model again');
}
