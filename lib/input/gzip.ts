import { createGunzip } from 'node:zlib';
import type { Gunzip } from 'node:zlib';
import { BgzfChain } from './bgzf-chain.js';
import { damaged, endsEarly } from './compressed-input.js';

const NAME = 'a gzip';
/** Bytes of content that are given at a time, and so those that zlib keeps for itself at most when it fails. */
const CONTENT_BLOCK = 64 * 1024;

/** What is said of an archive that was read to its end, and of which more may have been there. */
export const NO_END_BLOCK = 'has no BGZF end block: it may be cut off';

/** What zlib does not look at: whether BGZF has its end, and what lies behind the last member. */
class Edges {
  readonly #chain = new BgzfChain();
  /** Bytes up to the last one that is not 0. */
  #bytesBeforePadding = 0;
  #bytes = 0;

  add(block: Uint8Array): void {
    this.#chain.add(block);
    let last = block.length;
    while (last > 0 && block[last - 1] === 0) last--;
    if (last > 0) this.#bytesBeforePadding = this.#bytes + last;
    this.#bytes += block.length;
  }

  /**
   * @returns what the user should know of the archive, if anything
   * @throws ArchiveDamage
   */
  check(bytesUsed: number): string | undefined {
    // As gzip does it, zeros behind the last member are padding, such as tapes have.
    if (bytesUsed < this.#bytesBeforePadding) throw damaged(NAME, 'other data behind its end');
    return this.#chain.endsWithContent ? NO_END_BLOCK : undefined;
  }
}

/**
 * The content of gzip members, one after another, unpacked in the threads of Node. A block is valid for as long as
 * anyone likes. Length and checksum of every member are checked.
 * @param onDoubt see DecompressionOptions
 * @throws ArchiveDamage while iterating
 */
export async function* gzipContent(
  blocks: AsyncIterable<Uint8Array>,
  onDoubt: (doubt: string) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: CONTENT_BLOCK });
  const edges = new Edges();
  let failure: unknown;
  const feeding = feed(gunzip, blocks, edges).catch((error: unknown) => {
    failure = error;
    gunzip.destroy();
  });
  try {
    for await (const content of gunzip) yield content as Buffer;
  } catch (error) {
    throw failure ?? archiveDamage(error as NodeJS.ErrnoException);
  } finally {
    gunzip.destroy();
    await feeding;
  }
  if (failure !== undefined) throw failure as Error;
  const doubt = edges.check(gunzip.bytesWritten);
  if (doubt !== undefined) onDoubt(doubt);
}

/** Reads the input to its end, also where the archive ends before. */
async function feed(gunzip: Gunzip, blocks: AsyncIterable<Uint8Array>, edges: Edges): Promise<void> {
  // A failure is told to who reads the content.
  gunzip.on('error', () => undefined);
  for await (const block of blocks) {
    edges.add(block);
    if (gunzip.readableEnded) continue;
    if (gunzip.destroyed) return;
    // The block's memory is used again while zlib still reads it.
    if (!gunzip.write(new Uint8Array(block))) await roomOrEnd(gunzip);
  }
  gunzip.end();
}

function roomOrEnd(gunzip: Gunzip): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      gunzip.off('drain', settle).off('close', settle);
      resolve();
    };
    if (gunzip.closed) resolve();
    else gunzip.on('drain', settle).on('close', settle);
  });
}

function archiveDamage(error: NodeJS.ErrnoException): unknown {
  if (error.code === 'Z_BUF_ERROR') return endsEarly(NAME);
  // Only behind a member: what an input starts with was looked at.
  if (error.message === 'incorrect header check') return damaged(NAME, 'other data behind its end');
  if (error.code?.startsWith('Z_')) return damaged(NAME, error.message);
  return error;
}
