import { open } from 'node:fs/promises';
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Codes that a system returns when it cannot force this file to disk: a pipe, a device, a file system in user space or
 * of an unusual server. Nothing is lost that could have been kept. Any other code is a failure: a full disk may be
 * reported only here.
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
 * Writes a whole file and forces it to disk, as far as the system can.
 * @param flags `wx` refuses an existing file
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

/** How to make room after a write failed for lack of it, to begin a sentence; undefined for other failures. */
export function makingRoom(cause: unknown, path: string): string | undefined {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'EDQUOT') return 'Free some of your quota, of space or of files (`quota -s`, on Lustre `lfs quota`)';
  if (code !== 'ENOSPC') return undefined;
  return lacksInodes(path)
    ? 'Remove some files: there is space, but no inode is left for another one (`df -i`)'
    : 'Free some space';
}

/** Fewer free inodes or blocks than these count as none: clean-up after the failed write may have freed a few. */
const FEW_INODES = 64;
const FEW_BLOCKS = 16;

function lacksInodes(path: string): boolean {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      const { files, ffree, bavail } = statfsSync(existing);
      // File systems that create inodes on demand report a total of 0.
      return files > 0 && ffree < FEW_INODES && bavail >= FEW_BLOCKS;
    } catch {
      // The path does not exist or cannot be queried: ask its parent folder.
      if (existing === dirname(existing)) return false;
    }
  }
}
