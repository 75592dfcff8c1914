import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';

/** SHA-256 of a file, in hexadecimal; the file is streamed. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/**
 * SHA-256 of a checkpoint: of its file, or, for one in several files, of the text that `sha256sum FILE…` prints for them
 * in the order of their names.
 */
export async function sha256OfFiles(paths: readonly string[]): Promise<string> {
  if (paths.length === 1) return sha256OfFile(paths[0]!);
  const hash = createHash('sha256');
  for (const path of [...paths].sort()) hash.update(`${await sha256OfFile(path)}  ${basename(path)}\n`);
  return hash.digest('hex');
}
