import { createGunzip } from 'node:zlib';
import type { Gunzip } from 'node:zlib';
import { damaged, endsEarly } from './compressed-input.js';

const NAME = 'a gzip';
/** Bytes of content that are given at a time, and so those that zlib keeps for itself at most when it fails. */
const CONTENT_BLOCK = 64 * 1024;

/** BGZF is gzip in members of at most 64 KiB, each with this field in its header; an empty member marks the end. */
const BGZF_HEADER = Buffer.from('1f8b0804000000000000060042430200', 'hex');
const BGZF_END = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex');

/** What zlib does not look at: whether BGZF has its end, and what lies behind the last member. */
class Edges {
  #head = Buffer.alloc(0);
  #tail = Buffer.alloc(0);
  /** Bytes up to the last one that is not 0. */
  #bytesBeforePadding = 0;
  #bytes = 0;

  add(block: Uint8Array): void {
    const view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    if (this.#head.length < BGZF_HEADER.length) {
      this.#head = Buffer.concat([this.#head, view.subarray(0, BGZF_HEADER.length - this.#head.length)]);
    }
    this.#tail = Buffer.concat([this.#tail, view.subarray(-BGZF_END.length)]).subarray(-BGZF_END.length);
    let last = view.length;
    while (last > 0 && view[last - 1] === 0) last--;
    if (last > 0) this.#bytesBeforePadding = this.#bytes + last;
    this.#bytes += view.length;
  }

  /** @throws ArchiveDamage */
  check(bytesUsed: number): void {
    // As gzip does it, zeros behind the last member are padding, such as tapes have.
    if (bytesUsed < this.#bytesBeforePadding) throw damaged(NAME, 'other data behind its end');
    if (this.#isBgzf && !this.#tail.equals(BGZF_END)) throw endsEarly('a BGZF');
  }

  get #isBgzf(): boolean {
    const head = Buffer.from(this.#head);
    if (head.length < BGZF_HEADER.length) return false;
    // Time, flags and system may be anything.
    head.fill(0, 4, 10);
    return head.equals(BGZF_HEADER);
  }
}

/**
 * The content of gzip members, one after another, unpacked in the threads of Node. A block is valid for as long as
 * anyone likes. Length and checksum of every member are checked.
 * @throws ArchiveDamage while iterating
 */
export async function* gzipContent(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
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
  edges.check(gunzip.bytesWritten);
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
