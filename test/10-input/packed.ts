import { readFileSync } from 'node:fs';
import { deflateRawSync, crc32 } from 'node:zlib';
import { decompressed } from '../../lib/input/decompressed.js';
import { fixture } from '../repository.js';

/** Fixture files with the same content as contigs.fa. */
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

/** One file for each program. */
export const PROGRAMS = { gzip: 'contigs.fa.gz', bzip2: 'contigs.fa.bz2', xz: 'blocks.fa.xz', zstd: 'contigs.fa.zst' };

export function packedPath(name: string): string {
  return fixture('input', name);
}

export function packed(name: string): Buffer {
  return readFileSync(packedPath(name));
}

export const PLAIN_TEXT = packed('contigs.fa').toString('latin1');

/** The bytes in blocks of these sizes, in rotation, each in the same memory; `onBlock` is called for each. */
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

/** The content of an archive, and the error that stopped reading it. */
export async function unpacked(
  bytes: Uint8Array,
  sizes: readonly number[] = [1000],
  inThread = false,
): Promise<{ text: string; error: unknown; doubt?: string }> {
  const pieces: string[] = [];
  let doubt: string | undefined;
  const onDoubt = (text: string): void => void (doubt = text);
  try {
    for await (const piece of decompressed(blocksOf(bytes, sizes), { inThread, onDoubt })) {
      pieces.push(Buffer.from(piece).toString('latin1'));
    }
    return { text: pieces.join(''), error: undefined, ...(doubt !== undefined && { doubt }) };
  } catch (error) {
    return { text: pieces.join(''), error };
  }
}

export interface GzipMember {
  readonly content?: string;
  /** 0: stored blocks. */
  readonly level?: number;
  /** Whether its header contains its size, as in BGZF. */
  readonly bgzf?: boolean;
  /** Subfields of the extra field before BGZF's. */
  readonly extra?: Buffer;
  readonly name?: string;
  readonly comment?: string;
  readonly headerChecksum?: boolean;
}

/** A gzip member with optional header fields. */
export function gzipMember({ content = '', level = 6, bgzf = false, ...header }: GzipMember): Buffer {
  const { extra = Buffer.alloc(0), name, comment, headerChecksum = false } = header;
  const bytes = Buffer.from(content);
  const deflated = deflateRawSync(bytes, { level });
  const fields = Buffer.concat([extra, bgzf ? Buffer.from('42430200ffff', 'hex') : Buffer.alloc(0)]);
  const flags =
    (headerChecksum ? 2 : 0) +
    (fields.length > 0 ? 4 : 0) +
    (name === undefined ? 0 : 8) +
    (comment === undefined ? 0 : 16);
  const head = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255]),
    ...(fields.length > 0 ? [Buffer.from([fields.length & 255, fields.length >> 8]), fields] : []),
    ...[name, comment].filter((text) => text !== undefined).map((text) => Buffer.from(`${text}\0`, 'latin1')),
  ]);
  const size = head.length + (headerChecksum ? 2 : 0) + deflated.length + 8;
  if (bgzf) head.writeUInt16LE(size - 1, 12 + fields.length - 2);
  const checksum = Buffer.alloc(headerChecksum ? 2 : 0);
  if (headerChecksum) checksum.writeUInt16LE(crc32(head) & 0xffff);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(bytes), 0);
  trailer.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, checksum, deflated, trailer]);
}

/** The empty member that marks the end of BGZF. */
export const BGZF_END = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex');

/** As written by bgzip: members of `memberBytes` bytes of content each, then the empty one that marks the end. */
export function bgzf(text: string, memberBytes: number, withEnd = true): Buffer {
  const members: Buffer[] = [];
  for (let start = 0; start < text.length; start += memberBytes) {
    members.push(gzipMember({ content: text.slice(start, start + memberBytes), bgzf: true }));
  }
  return Buffer.concat([...members, withEnd ? BGZF_END : Buffer.alloc(0)]);
}

/** A skippable zstd frame. */
export function skippableFrame(bytes: number, nibble = 0): Buffer {
  const frame = Buffer.alloc(8 + bytes, 0x5a);
  frame.writeUInt32LE(0x184d2a50 + nibble, 0);
  frame.writeUInt32LE(bytes, 4);
  return frame;
}
