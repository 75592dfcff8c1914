import { unlessAborted } from '../unless-aborted.js';

/**
 * The bytes of a stream. Whoever writes to it may pause for as long as it likes, so one that is abandoned is destroyed.
 * @param signal ends the reading at once
 * @throws what the stream fails with; the signal's reason
 */
export async function* streamBlocks(
  stream: AsyncIterable<Uint8Array> & { destroy?: () => void },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessAborted(iterator.next(), signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    const ending = iterator.return?.();
    if (signal?.aborted) {
      // What is no stream of Node ends with what it waits for.
      stream.destroy?.();
      ending?.catch(() => undefined);
    } else await ending;
  }
}
