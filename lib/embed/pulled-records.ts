import { expected, typeOf } from '../errors.js';
import type { EmbeddingRecord } from './record-progress.js';

/** Pulls records out of an iterable, one at a time, and ends it properly. */
export class PulledRecords<R extends EmbeddingRecord> {
  readonly #iterator: Iterator<R> | AsyncIterator<R>;
  /** Whether the iterable has neither ended nor failed. */
  #isOpen = true;
  #isPending = false;
  #pulled = 0;

  /** @throws VirnucproError VNP_ARGUMENT */
  constructor(records: Iterable<R> | AsyncIterable<R>) {
    this.#iterator = iteratorOf(records);
  }

  /**
   * The next record, or undefined at the end. Comes at once unless the iterable is asynchronous.
   * @throws what the iterable throws; VirnucproError VNP_ARGUMENT for a record of the wrong type
   */
  next(): R | undefined | Promise<R | undefined> {
    // If it throws, it has ended.
    this.#isOpen = false;
    const coming = this.#iterator.next();
    return 'then' in coming ? this.#awaited(coming) : this.#entered(coming);
  }

  async #awaited(coming: PromiseLike<IteratorResult<R>>): Promise<R | undefined> {
    this.#isPending = true;
    try {
      return this.#entered(await coming);
    } finally {
      this.#isPending = false;
    }
  }

  #entered({ done = false, value }: IteratorResult<R>): R | undefined {
    this.#isOpen = !done;
    if (done) return undefined;
    const record: unknown = value;
    const index = this.#pulled++;
    if (typeof record !== 'object' || record === null) {
      throw expected('VNP_ARGUMENT', 'an object with a sequence', `record ${index} (from 0)`, typeOf(record));
    }
    const { id, sequence } = record as { readonly id?: unknown; readonly sequence?: unknown };
    if (typeof sequence !== 'string' && !(sequence instanceof Uint8Array)) {
      const what = 'a string or a Uint8Array';
      throw expected('VNP_ARGUMENT', what, `the sequence of record ${index} (from 0)`, typeOf(sequence));
    }
    if (id === undefined || typeof id === 'string') return value as R;
    throw expected('VNP_ARGUMENT', 'a string', `the id of record ${index} (from 0)`, typeOf(id));
  }

  /** Lets the iterable release what it holds, unless it has ended. Does not wait for a record that is still coming. */
  async close(): Promise<void> {
    if (!this.#isOpen && !this.#isPending) return;
    this.#isOpen = false;
    const closing = Promise.resolve(this.#iterator.return?.());
    if (this.#isPending) closing.catch(() => undefined);
    else await closing;
  }
}

function iteratorOf<R>(records: Iterable<R> | AsyncIterable<R>): Iterator<R> | AsyncIterator<R> {
  const given: unknown = records;
  if (typeof given === 'object' && given !== null) {
    if (Symbol.asyncIterator in given) return (given as AsyncIterable<R>)[Symbol.asyncIterator]();
    if (Symbol.iterator in given) return (given as Iterable<R>)[Symbol.iterator]();
  }
  throw expected('VNP_ARGUMENT', 'an iterable of records', 'the records', typeOf(given));
}
