import { open } from 'node:fs/promises';

/**
 * What a system answers that cannot force this file to a disk: a pipe, a device, a file system in user space or of an odd
 * server. Nothing is lost by it that could be kept. Anything else is a failure: a full disk may be told only here.
 */
const CANNOT_BE_FORCED = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** @param force `sync` or `datasync` of an open file */
export async function forcedToDisk(force: () => Promise<void>): Promise<void> {
  try {
    await force();
  } catch (error) {
    if (!CANNOT_BE_FORCED.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Writes a whole file that is on the disk then, as far as that can be.
 * @param flags `wx` refuses a file that is there already
 */
export async function writeToDisk(path: string, text: string, flags: 'w' | 'wx' = 'w'): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.writeFile(text);
    await forcedToDisk(() => file.sync());
  } finally {
    await file.close();
  }
}
