import { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import { ArchiveDamage, CompressedInput, compressionOf, SIGNATURE_BYTES } from './compression.js';
import type { Compression, Decompress } from './compression.js';
import { gzipContent } from './gzip.js';

export interface DecompressionOptions {
  /** Whether a separate thread may do the work. A short look at an input's start is not worth one. */
  readonly inThread: boolean;
  /**
   * Called for an archive that was read to its end but may have been longer. `doubt` is its state, worded to follow the
   * input's name.
   */
  readonly onDoubt?: (doubt: string) => void;
}

/**
 * The content of an input: decompressed if its first bytes are those of gzip, bzip2, xz or zstd, otherwise unchanged.
 * Blocks are requested only as content is, so memory does not grow with the input.
 * @param blocks each valid until the next is requested, as are the blocks yielded here
 * @throws ArchiveDamage while iterating, after the content before the damage
 */
export async function* decompressed(
  blocks: AsyncIterable<Uint8Array>,
  { inThread, onDoubt }: DecompressionOptions,
): AsyncGenerator<Uint8Array> {
  const iterator = blocks[Symbol.asyncIterator]();
  try {
    const head = await firstBlock(iterator);
    const all = { [Symbol.asyncIterator]: () => continued(head, iterator) };
    const compression = compressionOf(head);
    if (compression === undefined) yield* all;
    else if (compression === 'gzip') yield* gzipContent(all, onDoubt);
    else if (inThread) yield* contentFromThread(compression, all);
    else yield* contentHere(compression, all);
  } finally {
    await iterator.return?.();
  }
}

/** Joins blocks until they are enough for a signature: a pipe may yield its bytes one by one. */
async function firstBlock(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < SIGNATURE_BYTES) {
    const next = await iterator.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
    if (head.length < SIGNATURE_BYTES) head = new Uint8Array(head);
  }
  return head;
}

async function* continued(head: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
}

async function* contentHere(
  compression: Exclude<Compression, 'gzip'>,
  blocks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const input = new CompressedInput();
  const pieces = (await loadDecompress(compression))(input);
  const iterator = blocks[Symbol.asyncIterator]();
  try {
    for (let piece = pieces.next(); !piece.done; piece = pieces.next()) {
      if (piece.value !== undefined) {
        yield piece.value;
        continue;
      }
      const block = await iterator.next();
      if (block.done) input.end();
      else input.add(block.value);
    }
  } finally {
    pieces.return();
  }
}

/** Loads a library only when an input needs it. */
export async function loadDecompress(compression: Exclude<Compression, 'gzip'>): Promise<Decompress> {
  switch (compression) {
    case 'bzip2':
      return (await import('./bzip2.js')).bzip2Content;
    case 'xz':
      return await (await import('./xz.js')).loadXz();
    case 'zstd':
      return (await import('./zstd.js')).zstdContent;
  }
}

/** To the thread: continue, with the next block of the input, with its end, or with neither. */
export interface ThreadRequest {
  readonly block?: Uint8Array;
  readonly isEnd?: boolean;
}

/** From the thread, one for each request: some content, and what the thread needs to continue. */
export interface ThreadAnswer {
  readonly content: Uint8Array;
  readonly next: 'input' | 'request' | 'nothing';
  /** Why the work ended; `content` precedes the failure. */
  readonly failure?: { readonly isDamage: boolean; readonly message: string };
}

/**
 * The content of an input, decompressed in a separate thread, because the main thread feeds the devices. The thread is
 * at most one answer ahead.
 * @throws ArchiveDamage while iterating
 */
async function* contentFromThread(
  compression: Exclude<Compression, 'gzip'>,
  blocks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const thread = new DecompressionThread(compression);
  const iterator = blocks[Symbol.asyncIterator]();
  const proceed = async (next: ThreadAnswer['next']): Promise<ThreadAnswer> => {
    if (next === 'request') return await thread.ask({});
    const block = await iterator.next();
    return await thread.ask(block.done ? { isEnd: true } : { block: block.value });
  };
  try {
    let answered = proceed('input');
    for (;;) {
      const { content, next, failure } = await answered;
      if (next !== 'nothing') {
        answered = proceed(next);
        // A failure is thrown where the answer is awaited.
        answered.catch(() => undefined);
      }
      if (content.length > 0) yield content;
      if (failure) throw failure.isDamage ? new ArchiveDamage(failure.message) : new Error(failure.message);
      if (next === 'nothing') return;
    }
  } finally {
    await thread.end();
  }
}

class DecompressionThread {
  readonly #worker: Worker;
  #settle: { resolve(answer: ThreadAnswer): void; reject(reason: unknown): void } | undefined;
  #failure: Error | undefined;

  constructor(compression: Compression) {
    this.#worker = new Worker(new URL('./decompression-thread.js', import.meta.url), { workerData: compression });
    // The thread keeps the process alive only while an answer is awaited.
    this.#worker.unref();
    this.#worker.on('message', (answer: ThreadAnswer) => {
      this.#worker.unref();
      this.#settle?.resolve(answer);
    });
    this.#worker.on('error', (error) => this.#fail(`failed: ${reasonOf(error)}`));
    this.#worker.on('exit', () => this.#fail('ended early'));
  }

  ask({ block, isEnd = false }: ThreadRequest): Promise<ThreadAnswer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (this.#failure) reject(this.#failure);
      this.#worker.ref();
      // Copied, because the block's memory is reused; the copy's memory is transferred.
      const copy = block && new Uint8Array(block);
      this.#worker.postMessage({ ...(copy && { block: copy }), isEnd }, copy ? [copy.buffer] : []);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(problem: string): void {
    this.#failure ??= new Error(`The thread that decompresses ${problem}`);
    this.#settle?.reject(this.#failure);
  }
}
