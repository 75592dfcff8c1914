import { close, constants, fstat, open, read } from 'node:fs';
import { Socket } from 'node:net';
import { isatty, ReadStream } from 'node:tty';
import { promisify } from 'node:util';
import { reasonOf, VirnucproError } from '../errors.js';
import { unlessAborted } from '../unless-aborted.js';
import { abortable } from './abortable.js';
import { sentenceInputName } from './text.js';

const system = { close: promisify(close), fstat: promisify(fstat), open: promisify(open), read: promisify(read) };

/** @returns the error for a path that a system call failed on */
export function unreadable(path: string, cause: unknown): VirnucproError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reasons: Record<string, string> = { ENOENT: 'nothing exists at that path', EACCES: 'permission denied' };
  const reason = reasons[code ?? ''] ?? reasonOf(cause);
  const message = `${sentenceInputName(path)} cannot be read: ${reason}. Check the path`;
  return new VirnucproError('VNP_INPUT_MISSING', message, { cause });
}

/**
 * The bytes of a file, pipe or terminal. A block is valid until the next is requested.
 * @param blockSize maximum bytes of a block
 * @param signal aborts the reading, whatever it waits for
 * @throws VirnucproError VNP_INPUT_MISSING while iterating; the signal's reason
 */
export async function* fileBlocks(path: string, blockSize: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  // Non-blocking: otherwise a pipe would hold a thread, and the exit of the process, until a writer comes.
  const opening = system.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const descriptor = await unlessAborted(opening, signal).catch((cause: unknown) => {
    if (!signal?.aborted) throw unreadable(path, cause);
    void opening.then(system.close).catch(() => undefined);
    throw signal.reason;
  });
  try {
    const stream = await streamOf(descriptor, signal);
    yield* stream ? abortable(stream, signal) : readBlocks(descriptor, blockSize, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    throw unreadable(path, cause);
  }
}

/** A stream for a pipe or terminal, which can be waited for without a thread. It owns the descriptor then. */
async function streamOf(descriptor: number, signal: AbortSignal | undefined): Promise<Socket | ReadStream | undefined> {
  const looking = system.fstat(descriptor);
  try {
    const status = await unlessAborted(looking, signal);
    // A socket yields nothing, not even an end, before the pipe has had a writer.
    if (status.isFIFO()) return new Socket({ fd: descriptor, readable: true, writable: false });
    if (status.isCharacterDevice() && isatty(descriptor)) return new ReadStream(descriptor);
    return undefined;
  } catch (cause) {
    closeAfter(looking, descriptor);
    throw cause;
  }
}

/** Closes the descriptor at the end. */
async function* readBlocks(
  descriptor: number,
  blockSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let reading: Promise<unknown> = Promise.resolve();
  try {
    const buffer = new Uint8Array(blockSize);
    for (;;) {
      const answer = system.read(descriptor, buffer, 0, blockSize, null);
      reading = answer;
      const { bytesRead } = await unlessAborted(answer, signal);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    // A thread that is still reading needs the descriptor.
    if (signal?.aborted) closeAfter(reading, descriptor);
    else await system.close(descriptor);
  }
}

function closeAfter(work: Promise<unknown>, descriptor: number): void {
  void work
    .catch(() => undefined)
    .then(() => system.close(descriptor))
    .catch(() => undefined);
}
