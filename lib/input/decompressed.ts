import { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import { ArchiveDamage, CompressedInput, compressionOf, SIGNATURE_BYTES } from './compression.js';
import type { Compression, Decompress } from './compression.js';
import { gzipContent } from './gzip.js';

export interface DecompressionOptions {
  /** Whether a thread of its own may do the work. For a short look at an input's start that is not worth it. */
  readonly inThread: boolean;
  /**
   * Told of an archive that was read to its end, but may have been longer: its state, so that it can follow the name of the
   * input.
   */
  readonly onDoubt?: (doubt: string) => void;
}

/**
 * The content of an input: unpacked where its first bytes say that it is packed with gzip, bzip2, xz or zstd, else as it
 * is. Blocks are asked for as content is, so memory does not grow with the input.
 * @param blocks each valid until the next is asked for; so is what this gives
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

/** Blocks until they are enough to know a signature, in one: a pipe may give its bytes one by one. */
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

/** Loads a library only where an input needs it. */
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

/** To the thread: go on, with the next block of the input if there is one, or with its end. */
export interface ThreadRequest {
  readonly block?: Uint8Array;
  readonly isEnd?: boolean;
}

/** From the thread, one for each request: some content, and what it needs for more. */
export interface ThreadAnswer {
  readonly content: Uint8Array;
  readonly next: 'input' | 'request' | 'nothing';
  /** What ended the work; the content before it was given. */
  readonly failure?: { readonly isDamage: boolean; readonly message: string };
}

/**
 * The content of an input that is unpacked in JavaScript, in a thread of its own: the main thread feeds the devices. The
 * thread is one answer ahead, no more.
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
        // Its failure is met when it is waited for.
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
    // It keeps the process only while it is waited for.
    this.#worker.unref();
    this.#worker.on('message', (answer: ThreadAnswer) => {
      this.#worker.unref();
      this.#settle?.resolve(answer);
    });
    this.#worker.on('error', (error) => this.#fail(`a thread that failed: ${reasonOf(error)}`));
    this.#worker.on('exit', () => this.#fail('a thread that has ended'));
  }

  ask({ block, isEnd = false }: ThreadRequest): Promise<ThreadAnswer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (this.#failure) reject(this.#failure);
      this.#worker.ref();
      // The block's memory is used again, so the message is a copy in any case; its own is handed over.
      const copy = block && new Uint8Array(block);
      this.#worker.postMessage({ ...(copy && { block: copy }), isEnd }, copy ? [copy.buffer] : []);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(received: string): void {
    this.#failure ??= new Error(`Expected a thread that decompresses but received ${received}`);
    this.#settle?.reject(this.#failure);
  }
}
