import bzip2 from 'unbzip2-stream/lib/bzip2.js';
import { reasonOf } from '../errors.js';
import { ArchiveDamage, damaged, endsEarly } from './compression.js';
import type { CompressedInput, Decompression } from './compression.js';

const NAME = 'a bzip2';
/** Bytes of a stream's header. */
const HEADER_BYTES = 4;

/** Reads the bits of an input. The bits left of a partly used byte are kept when the input's bytes move. */
class BitReader {
  readonly #input: CompressedInput;
  #bytes = new Uint8Array(0) as Uint8Array;
  #position = 0;
  #held = 0;
  #heldBits = 0;

  constructor(input: CompressedInput) {
    this.#input = input;
  }

  readonly read = (count: number | null): number => {
    if (count === null) {
      this.#heldBits -= this.#heldBits % 8;
      return 0;
    }
    if (count > 16) return (this.read(count - 16) << 16) | this.read(16);
    while (this.#heldBits < count) {
      if (this.#position === this.#bytes.length) throw endsEarly(NAME);
      this.#held = (this.#held << 8) | this.#bytes[this.#position++]!;
      this.#heldBits += 8;
    }
    this.#heldBits -= count;
    return (this.#held >>> this.#heldBits) & ((1 << count) - 1);
  };

  /** Starts reading from the input's current bytes. */
  begin(): void {
    this.#bytes = this.#input.bytes;
    this.#position = 0;
  }

  /** Leaves the unread bytes in the input; held bits count as read. */
  end(): void {
    this.#input.skip(this.#position);
  }
}

/** Collects the bytes of one block, which the library writes one by one. */
class BlockContent {
  #bytes = new Uint8Array(1024 * 1024);
  #used = 0;

  readonly write = (byte: number): void => {
    if (this.#used === this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#used);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#used++] = byte;
  };

  /** Valid until the next `write`. */
  take(): Uint8Array {
    const content = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return content;
  }
}

/**
 * The content of concatenated bzip2 streams. The library verifies the checksum of every block and stream. It reads a
 * block in one go, so this first waits for as many bytes as a block can have.
 */
export function* bzip2Content(input: CompressedInput): Decompression {
  const bits = new BitReader(input);
  const content = new BlockContent();
  for (;;) {
    yield* input.waitFor(HEADER_BYTES);
    if (input.length === 0) return;
    const size = readAtOnce(bits, () => bzip2.header(bits.read), 'other data after its end');
    const room = new Int32Array(100_000 * size);
    let checksum: number | null = 0;
    while (checksum !== null) {
      yield* input.waitFor(room.length + 25_000);
      const soFar: number = checksum;
      checksum = readAtOnce(bits, () => bzip2.decompress(bits.read, content.write, room, room.length, soFar));
      const block = content.take();
      if (block.length > 0) yield block;
    }
  }
}

function readAtOnce<T>(bits: BitReader, read: () => T, otherwise = 'not bzip2 data'): T {
  bits.begin();
  try {
    return read();
  } catch (error) {
    // The library's messages help no one, except those about the checksum.
    const isChecksum = /crc/.test(reasonOf(error));
    throw error instanceof ArchiveDamage ? error : damaged(NAME, isChecksum ? 'its checksum differs' : otherwise);
  } finally {
    bits.end();
  }
}
