import { unlessAborted } from '../unless-aborted.js';

/**
 * The items of an async iterable that may pause for any length of time. Its `return` is called when this iteration ends
 * before its end; a Node stream is destroyed when the iteration is aborted, even while it waits.
 * @param signal aborts the iteration at once
 * @throws what the iterable throws; the signal's reason
 */
export async function* abortable<T>(
  iterable: AsyncIterable<T> & { destroy?: () => void },
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const iterator = iterable[Symbol.asyncIterator]();
  // An iterator that has thrown has ended, too.
  let hasEnded = false;
  try {
    for (;;) {
      hasEnded = true;
      const next = await unlessAborted(iterator.next(), signal);
      if (next.done) return;
      hasEnded = false;
      yield next.value;
    }
  } finally {
    if (signal?.aborted) {
      const ending = iterator.return?.();
      // An iterable that is not a Node stream ends with what it waits for.
      iterable.destroy?.();
      ending?.then(undefined, () => undefined);
    } else if (!hasEnded) await iterator.return?.();
  }
}
