import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';

/** SHA-256 of a file, in hexadecimal; the file is streamed. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** What the thread of sha256InThread answers. */
export type ThreadAnswer = { readonly sha256: string } | { readonly problem: string };

/**
 * SHA-256 of a large file, in hexadecimal, computed in a thread of its own.
 *
 * @param signal ends the thread; the promise then rejects
 */
export function sha256InThread(path: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./sha256-thread.js', import.meta.url), { workerData: path, execArgv: [] });
    const end = (): void => void thread.terminate();
    signal.addEventListener('abort', end, { once: true });
    thread.once('message', (answer: ThreadAnswer) => {
      if ('sha256' in answer) resolve(answer.sha256);
      else reject(new Error(answer.problem));
    });
    thread.once('error', reject);
    thread.once('exit', () => {
      signal.removeEventListener('abort', end);
      reject(new Error(`the thread that hashes ${path} ended early`));
    });
    if (signal.aborted) end();
  });
}

/**
 * SHA-256 of a checkpoint. For one file, that of the file; for several, that of the text that `sha256sum FILE…` prints
 * for them, sorted by path.
 */
export async function sha256OfFiles(paths: readonly string[]): Promise<string> {
  if (paths.length === 1) return sha256OfFile(paths[0]!);
  const hash = createHash('sha256');
  for (const path of [...paths].sort()) hash.update(`${await sha256OfFile(path)}  ${basename(path)}\n`);
  return hash.digest('hex');
}
