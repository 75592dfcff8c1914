import { createGunzip } from 'node:zlib';
import type { Gunzip } from 'node:zlib';
import { damaged, endsEarly } from './compression.js';

const NAME = 'a gzip';
/** Bytes of content in a block, and so the most that zlib holds back when it fails. */
const CONTENT_BLOCK = 64 * 1024;

/** The doubt about an archive that was read to its end but may have been longer. */
export const NO_END_BLOCK = 'has no BGZF end block: it may be cut off';

/** Checks what zlib does not: whether BGZF has its end block, and what follows the last member. */
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
   * @returns what the user should know about the archive, if anything
   * @throws ArchiveDamage
   */
  check(bytesUsed: number): string | undefined {
    // As in gzip, zeros after the last member are padding, such as tapes have.
    if (bytesUsed < this.#bytesBeforePadding) throw damaged(NAME, 'other data after its end');
    return this.#chain.endsWithContent ? NO_END_BLOCK : undefined;
  }
}

/**
 * The content of concatenated gzip members, decompressed in Node's threads. Blocks stay valid. The length and checksum
 * of every member are verified.
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

/** Reads the input to its end, even when the archive ends earlier. */
async function feed(gunzip: Gunzip, blocks: AsyncIterable<Uint8Array>, edges: Edges): Promise<void> {
  // Whoever reads the content receives the failure.
  gunzip.on('error', () => undefined);
  for await (const block of blocks) {
    edges.add(block);
    if (gunzip.readableEnded) continue;
    if (gunzip.destroyed) return;
    // Copied, because the block's memory is reused while zlib still reads it.
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
  // Only after a member: the start of the input has been checked.
  if (error.message === 'incorrect header check') return damaged(NAME, 'other data after its end');
  if (error.code?.startsWith('Z_')) return damaged(NAME, error.message);
  return error;
}

/** The start of a member, up to and including the length of its extra field. */
const FIXED_BYTES = 12;
const HAS_EXTRA_FIELD = 0x04;
/** A member ends with the length of its content. */
const CONTENT_LENGTH_BYTES = 4;

/**
 * BGZF is gzip in members of at most 64 KiB that give their length; one without content marks the end. Following the
 * members by their lengths, without decompressing them, shows whether the archive has that mark.
 */
class BgzfChain {
  readonly #walk = this.#members();
  #skipped = 0;
  #wanted = 0;
  #gathered = Buffer.alloc(0);
  #isFollowed = true;
  #endsWithContent = false;

  constructor() {
    this.#proceed(this.#gathered);
  }

  /** Whether all members are BGZF and the last has content: a part of the archive may be missing. */
  get endsWithContent(): boolean {
    return this.#endsWithContent;
  }

  add(block: Uint8Array): void {
    for (let position = 0; this.#isFollowed && position < block.length;) {
      const step = Math.min(this.#skipped || this.#wanted - this.#gathered.length, block.length - position);
      if (this.#skipped > 0) this.#skipped -= step;
      else this.#gather(block.subarray(position, position + step));
      position += step;
    }
  }

  #gather(bytes: Uint8Array): void {
    this.#gathered = Buffer.concat([this.#gathered, bytes]);
    if (this.#gathered.length === this.#wanted) this.#proceed(this.#gathered);
  }

  #proceed(bytes: Buffer): void {
    const { done, value } = this.#walk.next(bytes);
    this.#isFollowed = done !== true;
    this.#skipped = value?.skip ?? 0;
    this.#wanted = value?.take ?? 0;
    this.#gathered = Buffer.alloc(0);
  }

  /** Requests the bytes that it needs to see. Ends at the first member that is not BGZF, and at padding. */
  *#members(): Generator<{ skip: number; take: number }, undefined, Buffer> {
    for (;;) {
      const first = yield { skip: 0, take: 1 };
      // Zeros after the last member belong to none.
      if (first[0] === 0) return;
      this.#endsWithContent = false;
      const fixed = Buffer.concat([first, yield { skip: 0, take: FIXED_BYTES - 1 }]);
      const extraBytes = fixed.readUInt16LE(FIXED_BYTES - 2);
      const isMember = fixed.readUInt16BE(0) === 0x1f8b && (fixed[3]! & HAS_EXTRA_FIELD) !== 0 && extraBytes > 0;
      const size = isMember ? memberSize(yield { skip: 0, take: extraBytes }) : undefined;
      const rest = (size ?? 0) - FIXED_BYTES - extraBytes - CONTENT_LENGTH_BYTES;
      if (rest < 0) return;
      const contentLength = yield { skip: rest, take: CONTENT_LENGTH_BYTES };
      this.#endsWithContent = contentLength.readUInt32LE() > 0;
    }
  }
}

/** The bytes of a member, from subfield BC of its header's extra field, which may have other subfields. */
function memberSize(extra: Buffer): number | undefined {
  for (let start = 0; start + 4 <= extra.length; start += 4 + extra.readUInt16LE(start + 2)) {
    const isSize = extra.toString('latin1', start, start + 2) === 'BC' && extra.readUInt16LE(start + 2) === 2;
    if (isSize && start + 6 <= extra.length) return extra.readUInt16LE(start + 4) + 1;
  }
  return undefined;
}
