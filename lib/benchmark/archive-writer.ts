import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DnabertArchitecture, Esm2Architecture } from '../engine/addon.js';
import { VirnucproError } from '../errors.js';
import type { ErrorCode } from '../errors.js';

export type EncoderArchitecture = Esm2Architecture | DnabertArchitecture;

/** What the child says when it failed. */
export interface WriterFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** A child process that writes an archive. */
export interface ArchiveWriter {
  /** Resolves when the archive is whole. Rejects with VirnucproError. */
  readonly written: Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

/**
 * Writes an archive of random weights, as bfloat16, in a process of its own: what the allocator keeps of the work would
 * otherwise be counted as memory that the model needs.
 */
export function startArchiveWriter(path: string, architecture: EncoderArchitecture): ArchiveWriter {
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
          new VirnucproError('VNP_NATIVE', `Expected an archive at ${path} but its writer ${ending(code, signal)}`),
        );
    });
  });
  return { written, kill: () => child.kill('SIGKILL') };
}

function ending(code: number | null, signal: string | null): string {
  return signal === null ? `ended with exit code ${code ?? 'unknown'}` : `was ended by ${signal}`;
}
