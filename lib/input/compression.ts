import { expected } from '../errors.js';
import type { VirnucproError } from '../errors.js';
import type { Decompress } from './compressed-input.js';
import { inputName } from './text.js';

/** What an input can be packed with. All but gzip are unpacked by libraries in JavaScript. */
export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** The endings of files that are packed so. What a file is packed with is told by its content. */
export const COMPRESSION_EXTENSIONS = ['.gz', '.bgz', '.bz2', '.xz', '.zst'] as const;

/** How many of an input's first bytes tell what it is packed with. */
export const SIGNATURE_BYTES = 6;

const SIGNATURES: readonly { readonly compression: Compression; readonly bytes: readonly number[] }[] = [
  { compression: 'gzip', bytes: [0x1f, 0x8b] },
  { compression: 'bzip2', bytes: [0x42, 0x5a, 0x68] },
  { compression: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { compression: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
];

/** A zstd archive can begin with a frame to skip; the lower half of its first byte is free. */
const SKIPPABLE_FRAME = [0x2a, 0x4d, 0x18];

export function startsWith(head: Uint8Array, bytes: readonly number[]): boolean {
  return head.length >= bytes.length && bytes.every((byte, position) => head[position] === byte);
}

/** @param head the first SIGNATURE_BYTES bytes, or all */
export function compressionOf(head: Uint8Array): Compression | undefined {
  const signature = SIGNATURES.find(({ bytes }) => startsWith(head, bytes));
  if (signature) return signature.compression;
  return (head[0] ?? 0) >>> 4 === 5 && startsWith(head.subarray(1), SKIPPABLE_FRAME) ? 'zstd' : undefined;
}

/** Loads a library only where an input needs it. */
export async function loadDecompress(compression: Exclude<Compression, 'gzip'>): Promise<Decompress> {
  switch (compression) {
    case 'bzip2':
      return (await import('./bzip2.js')).bzip2Content;
    case 'xz':
      return await (await import('./xz.js')).loadXz();
    case 'zstd':
      return (await import('./zstd.js')).zstdContent;
  }
}

/** @param received in what state the archive is, see ArchiveDamage; @param place where in the content, such as `in record 3` */
export function archiveError(path: string, received: string, place: string): VirnucproError {
  return expected(
    'VNP_INPUT_FORMAT',
    'a whole archive',
    inputName(path),
    `${received}, ${place}`,
    'Copy or download it again, or decompress it with the program that made it',
  );
}
