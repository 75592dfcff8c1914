import { open } from 'node:fs/promises';
import { reasonOf, VirnucproError } from '../errors.js';
import { inputName } from './text.js';

/** @returns the error for a path that a system call failed on */
export function unreadable(path: string, cause: unknown): VirnucproError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reasons: Record<string, string> = { ENOENT: 'nothing at that path', EACCES: 'a refusal of permission' };
  const reason = reasons[code ?? ''] ?? reasonOf(cause);
  const message = `Expected a readable file for ${inputName(path)} but received ${reason}. Check the path`;
  return new VirnucproError('VNP_INPUT_MISSING', message, { cause });
}

/**
 * The bytes of a file or pipe. A block is valid until the next is asked for.
 * @throws VirnucproError VNP_INPUT_MISSING while iterating
 */
export async function* fileBlocks(path: string, blockSize: number): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const buffer = new Uint8Array(blockSize);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, blockSize, null).catch((cause: unknown) => {
        throw unreadable(path, cause);
      });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
