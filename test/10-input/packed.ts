import { readFileSync } from 'node:fs';
import { deflateRawSync, crc32 } from 'node:zlib';
import { decompressed } from '../../lib/input/decompressed.js';
import { fixture } from '../repository.js';

/** The files of the fixtures that hold the same as contigs.fa. */
export const PACKED_FILES = [
  'contigs.fa.gz',
  'contigs.fa.bz2',
  'level-1.fa.bz2',
  'contigs.fa.xz',
  'blocks.fa.xz',
  'contigs.fa.zst',
  'no-checksum.fa.zst',
  'no-size.fa.zst',
  'fast.fa.zst',
] as const;

/** One for each program. */
export const PROGRAMS = { gzip: 'contigs.fa.gz', bzip2: 'contigs.fa.bz2', xz: 'blocks.fa.xz', zstd: 'contigs.fa.zst' };

export function packedPath(name: string): string {
  return fixture('input', name);
}

export function packed(name: string): Buffer {
  return readFileSync(packedPath(name));
}

export const PLAIN_TEXT = packed('contigs.fa').toString('latin1');

/** The bytes in blocks of these sizes, over and over, each in the same memory; `onBlock` is told of each. */
export async function* blocksOf(
  bytes: Uint8Array,
  sizes: readonly number[],
  onBlock: () => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(Math.max(...sizes));
  for (let position = 0, turn = 0; position < bytes.length; turn++) {
    const block = bytes.subarray(position, position + sizes[turn % sizes.length]!);
    memory.set(block);
    onBlock();
    yield memory.subarray(0, block.length);
    memory.fill(0);
    position += block.length;
  }
}

/** The content of an archive, and what kept it from being read to its end. */
export async function unpacked(
  bytes: Uint8Array,
  sizes: readonly number[] = [1000],
  inThread = false,
): Promise<{ text: string; error: unknown }> {
  const pieces: string[] = [];
  try {
    for await (const piece of decompressed(blocksOf(bytes, sizes), { inThread })) {
      pieces.push(Buffer.from(piece).toString('latin1'));
    }
    return { text: pieces.join(''), error: undefined };
  } catch (error) {
    return { text: pieces.join(''), error };
  }
}

/** As bgzip writes it: members of so many bytes of content, and the empty one that marks the end. */
export function bgzf(text: string, memberBytes: number, withEnd = true): Buffer {
  const members: Buffer[] = [];
  for (let start = 0; start < text.length; start += memberBytes) {
    const content = Buffer.from(text.slice(start, start + memberBytes));
    const deflated = deflateRawSync(content);
    const header = Buffer.from('1f8b08040000000000ff060042430200ffff', 'hex');
    header.writeUInt16LE(header.length + deflated.length + 8 - 1, 16);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(crc32(content), 0);
    trailer.writeUInt32LE(content.length, 4);
    members.push(header, deflated, trailer);
  }
  if (withEnd) members.push(Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex'));
  return Buffer.concat(members);
}

/** A frame of zstd that is to be skipped. */
export function skippableFrame(bytes: number, nibble = 0): Buffer {
  const frame = Buffer.alloc(8 + bytes, 0x5a);
  frame.writeUInt32LE(0x184d2a50 + nibble, 0);
  frame.writeUInt32LE(bytes, 4);
  return frame;
}
