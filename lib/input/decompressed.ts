import { CompressedInput } from './compressed-input.js';
import { compressionOf, loadDecompress, SIGNATURE_BYTES } from './compression.js';
import type { Compression } from './compression.js';
import { contentFromThread } from './decompression-worker.js';
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
