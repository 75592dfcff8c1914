import { open } from 'node:fs/promises';
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

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

/** What makes room where a write was refused for want of it, as the beginning of a sentence; undefined for other failures. */
export function makingRoom(cause: unknown, path: string): string | undefined {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'EDQUOT') return 'Free some of your quota, of space or of files (`quota -s`, on Lustre `lfs quota`)';
  if (code !== 'ENOSPC') return undefined;
  return lacksInodes(path)
    ? 'Remove some files: there is space, but no inode is left for another one (`df -i`)'
    : 'Free some space';
}

/** What failed may have been cleaned up since: a few inodes that are free, or blocks, are none that would have been enough. */
const FEW_INODES = 64;
const FEW_BLOCKS = 16;

function lacksInodes(path: string): boolean {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      const { files, ffree, bavail } = statfsSync(existing);
      // File systems that make inodes as needed tell of none at all.
      return files > 0 && ffree < FEW_INODES && bavail >= FEW_BLOCKS;
    } catch {
      // Not there, or not told: asked of the folder that it would be in.
      if (existing === dirname(existing)) return false;
    }
  }
}
