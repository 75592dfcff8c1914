import { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import { ArchiveDamage } from './compressed-input.js';
import type { Compression } from './compression.js';

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
export async function* contentFromThread(
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
