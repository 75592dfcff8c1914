import { mkdtempSync, rmSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { asVirnucproError, reasonOf, VirnucproError } from '../errors.js';
import { loadAddon } from '../engine/libtorch/load.js';
import type { DnabertArchitecture, Esm2Architecture } from '../engine/addon.js';
import type { ErrorCode } from '../errors.js';

/** Bytes of a bfloat16. */
const VALUE_BYTES = 2;
/** Bytes of an archive beyond its values: names, shapes, the source of the forward pass, padding of every entry. */
const MORE_BYTES = 2 ** 22;

/** Functions that remove the existing folders. */
const removers = new Set<() => void>();

/** Removes at once what `withRandomArchive` has written. For a process that ends before that can clean up. */
export function removeTemporaryArchives(): void {
  for (const remove of [...removers]) remove();
}

/** An archive that is about to be written. */
export interface ArchiveAnnouncement {
  readonly bytes: number;
  readonly folder: string;
}

/**
 * Writes an archive of random weights into a temporary folder ($TMPDIR), passes its path to `use`, and removes it once
 * `use` has succeeded or failed, or when the process exits meanwhile.
 * @param onWrite called before anything is written
 * @throws VirnucproError VNP_OUTPUT if there is no room for it
 */
export async function withRandomArchive<T>(
  architecture: EncoderArchitecture,
  onWrite: (announcement: ArchiveAnnouncement) => void,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const bytes = valuesOf(architecture) * VALUE_BYTES + MORE_BYTES;
  await checkRoom(bytes);
  let writer: ArchiveWriter | undefined;
  // No `await` until the remover is registered: a signal in between would leave the folder behind.
  const folder = makeFolder();
  const remove = (): void => {
    writer?.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  removers.add(remove);
  process.once('exit', remove);
  const path = join(folder, 'model.pt');
  try {
    onWrite({ bytes, folder });
    writer = startArchiveWriter(path, architecture);
    await writer.written;
    return await use(path);
  } finally {
    // The remover stays registered until the folder is gone: the process may end while a large file is being removed.
    await rm(folder, { recursive: true, force: true }).finally(() => {
      removers.delete(remove);
      process.off('exit', remove);
    });
  }
}

function valuesOf(architecture: EncoderArchitecture): number {
  try {
    const parameters = loadAddon().addon.parametersOf(architecture);
    return parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
  } catch (error) {
    throw asVirnucproError(error);
  }
}

async function checkRoom(bytes: number): Promise<void> {
  const folder = tmpdir();
  const room = await statfs(folder).catch((cause: unknown) => {
    // Not every file system or sandbox reports free space. Writing will show whether there is room.
    if (['ENOSYS', 'EPERM', 'EOPNOTSUPP'].includes((cause as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw unusable(folder, cause);
  });
  if (room === undefined) return;
  const { bavail, bsize } = room;
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new VirnucproError(
    'VNP_OUTPUT',
    `A temporary model in ${folder} takes ${megabytes(bytes)}, but only ${megabytes(free)} are free. ` +
      'Free space there, or set TMPDIR to another folder',
  );
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'virnucpro-bench-'));
  } catch (cause) {
    throw unusable(tmpdir(), cause);
  }
}

function unusable(folder: string, cause: unknown): Error {
  return new VirnucproError(
    'VNP_OUTPUT',
    `The temporary folder ${folder} cannot be used: ${reasonOf(cause)}. Set TMPDIR to another folder`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

export type EncoderArchitecture = Esm2Architecture | DnabertArchitecture;

/** Message of the child when it has failed. */
export interface WriterFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** A child process that writes an archive. */
export interface ArchiveWriter {
  /** Resolves when the archive is complete. Rejects with VirnucproError. */
  readonly written: Promise<void>;
  /** Ends the process at once. */
  kill(): void;
}

/**
 * Writes an archive of random weights, as bfloat16, in a process of its own: otherwise memory that the allocator keeps
 * after the work would be counted as needed by the model.
 */
function startArchiveWriter(path: string, architecture: EncoderArchitecture): ArchiveWriter {
  const program = fileURLToPath(new URL('archive-writer-child.js', import.meta.url));
  const child = fork(program, [path, JSON.stringify(architecture)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let failure: WriterFailure | undefined;
  child.on('message', (message) => (failure = message as WriterFailure));
  const written = new Promise<void>((resolve, reject) => {
    child.on('error', (cause) => reject(new VirnucproError('VNP_NATIVE', cause.message, { cause })));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else if (failure) reject(new VirnucproError(failure.code, failure.message));
      else
        reject(
          new VirnucproError(
            'VNP_NATIVE',
            `The archive ${path} was not written: its writer ${ending(code, signal)}. Run the benchmark again`,
          ),
        );
    });
  });
  return { written, kill: () => child.kill('SIGKILL') };
}

function ending(code: number | null, signal: string | null): string {
  return signal === null ? `ended with exit code ${code ?? 'unknown'}` : `was ended by ${signal}`;
}
