import { VirnucproError } from '../errors.js';
import { sentenceInputName } from './text.js';

/** How an input can be compressed. JavaScript libraries decompress all but gzip. */
export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** File name endings of compressed files. The actual compression is detected from content. */
export const COMPRESSION_EXTENSIONS = ['.gz', '.bgz', '.bz2', '.xz', '.zst'] as const;

/** Number of an input's first bytes from which its compression is detected. */
export const SIGNATURE_BYTES = 6;

const SIGNATURES: readonly { readonly compression: Compression; readonly bytes: readonly number[] }[] = [
  { compression: 'gzip', bytes: [0x1f, 0x8b] },
  { compression: 'bzip2', bytes: [0x42, 0x5a, 0x68] },
  { compression: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { compression: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
];

/** A zstd archive can begin with a skippable frame, whose first byte, 0x50 to 0x5f, is not listed here. */
const SKIPPABLE_FRAME = [0x2a, 0x4d, 0x18];

export function startsWith(head: Uint8Array, bytes: readonly number[]): boolean {
  return head.length >= bytes.length && bytes.every((byte, position) => head[position] === byte);
}

/** @param head the first SIGNATURE_BYTES bytes, or all if there are fewer */
export function compressionOf(head: Uint8Array): Compression | undefined {
  const signature = SIGNATURES.find(({ bytes }) => startsWith(head, bytes));
  if (signature) return signature.compression;
  return (head[0] ?? 0) >>> 4 === 5 && startsWith(head.subarray(1), SKIPPABLE_FRAME) ? 'zstd' : undefined;
}

/**
 * @param received the archive's state, see ArchiveDamage
 * @param place where in the content, such as `in record 3`
 */
export function archiveError(path: string, received: string, place: string): VirnucproError {
  const next = 'Copy or download it again, or decompress it with the program that made it';
  return new VirnucproError('VNP_INPUT_FORMAT', `${sentenceInputName(path)} is ${received}, ${place}. ${next}`);
}

/** An archive that cannot be read to its end. The message is its state, worded to follow "the input is". */
export class ArchiveDamage extends Error {
  override readonly name = 'ArchiveDamage';
}

/** @param archive its kind with the article, such as `a gzip` */
export function endsEarly(archive: string): ArchiveDamage {
  return new ArchiveDamage(`${archive} archive that ends early`);
}

export function damaged(archive: string, reason: string): ArchiveDamage {
  return new ArchiveDamage(`${archive} archive that is damaged (${reason})`);
}

/** Content in pieces, each valid until the next is requested; undefined when more input must be added first. */
export type Decompression = Generator<Uint8Array | undefined, void, void>;

/** Decompresses what is added to the input until the input ends. @throws ArchiveDamage while iterating */
export type Decompress = (input: CompressedInput) => Decompression;

/** Compressed bytes that have been read but not used. */
export class CompressedInput {
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #isEnded = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Whether nothing more will be added. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The available bytes, valid until the next `add`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** The block is copied. */
  add(block: Uint8Array): void {
    if (this.#end + block.length > this.#bytes.length) this.#makeRoom(block.length);
    this.#bytes.set(block, this.#end);
    this.#end += block.length;
  }

  end(): void {
    this.#isEnded = true;
  }

  skip(count: number): void {
    this.#start += count;
  }

  /** Takes `count` of the available bytes. Valid until the next `add`. */
  take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#start + count);
    this.#start += count;
    return taken;
  }

  /** Waits for at least `count` bytes. @returns whether they are there; if not, the input has ended */
  *waitFor(count: number): Generator<undefined, boolean, void> {
    while (this.length < count && !this.#isEnded) yield undefined;
    return this.length >= count;
  }

  #makeRoom(count: number): void {
    const { bytes } = this;
    const needed = bytes.length + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(bytes);
      this.#bytes = grown;
    } else {
      this.#bytes.copyWithin(0, this.#start, this.#end);
    }
    this.#end = bytes.length;
    this.#start = 0;
  }
}
