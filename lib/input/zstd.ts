import { Decompress as FrameDecoder } from 'fzstd';
import { ArchiveDamage, damaged, endsEarly } from './compression.js';
import type { CompressedInput, Decompression } from './compression.js';
import { XxHash64 } from './xxhash64.js';

const NAME = 'a zstd';
const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAX_BLOCK = 128 * 1024;
/** The default of the zstd program. Without a limit, a frame could ask for any amount of memory. */
const MAX_WINDOW = 128 * 1024 * 1024;
const CHECKSUM_FLAG = 4;
const RUN_BLOCK = 1;
const COMPRESSED_BLOCK = 2;
const RESERVED_BLOCK = 3;

/**
 * The content of concatenated zstd frames. The library decodes the blocks, but it ignores checksums and, in streams,
 * does not notice where a frame ends, so frames are divided into blocks here.
 */
export function* zstdContent(input: CompressedInput): Decompression {
  while (yield* input.waitFor(1)) {
    const magic = littleEndian(yield* taken(input, 4));
    if (magic === MAGIC) yield* frameContent(input);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) yield* skipFrame(input);
    else throw damaged(NAME, 'other data where a frame should begin');
  }
}

function* skipFrame(input: CompressedInput): Decompression {
  let left = littleEndian(yield* taken(input, 4));
  while (left > 0) {
    if (!(yield* input.waitFor(1))) throw endsEarly(NAME);
    const part = Math.min(left, input.length);
    input.skip(part);
    left -= part;
  }
}

interface FrameHeader {
  /** Including the magic number. */
  readonly bytes: Uint8Array;
  readonly hasChecksum: boolean;
  /** Bytes of content; undefined where the header does not say. */
  readonly contentSize: number | undefined;
}

function* frameContent(input: CompressedInput): Decompression {
  const header = yield* frameHeader(input);
  const pieces: Uint8Array[] = [];
  const decoder = new FrameDecoder((piece) => {
    if (piece.length > 0) pieces.push(piece);
  });
  const hash = header.hasChecksum ? new XxHash64() : undefined;
  let size = 0;
  decode(() => void decoder.push(header.bytes));
  for (let isLast = false; !isLast;) {
    const block = yield* blockOf(input);
    isLast = (block[0]! & 1) === 1;
    decode(() => void decoder.push(block, isLast));
    for (const piece of pieces.splice(0)) {
      size += piece.length;
      hash?.update(piece);
      yield piece;
    }
  }
  if (header.contentSize !== undefined && size !== header.contentSize) throw damaged(NAME, 'its size differs');
  if (hash && littleEndian(yield* taken(input, 4)) !== hash.low32()) throw damaged(NAME, 'its checksum differs');
}

function* frameHeader(input: CompressedInput): Generator<undefined, FrameHeader, void> {
  const descriptor = (yield* taken(input, 1))[0]!;
  const isSingleSegment = (descriptor & 32) !== 0;
  const idBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  const windowBytes = isSingleSegment ? 0 : 1;
  if ((descriptor & 8) !== 0) throw damaged(NAME, 'a frame of an unsupported version');
  const fields = yield* taken(input, windowBytes + idBytes + sizeBytes);
  const dictionary = littleEndian(fields.subarray(windowBytes, windowBytes + idBytes));
  if (dictionary !== 0) throw new ArchiveDamage(`${NAME} archive that needs dictionary ${dictionary}`);
  const size = littleEndian(fields.subarray(windowBytes + idBytes)) + (sizeBytes === 2 ? 256 : 0);
  const window = isSingleSegment ? size : windowSize(fields[0]!);
  if (window > MAX_WINDOW) throw new ArchiveDamage(`${NAME} archive with a window of ${window} bytes (--long)`);
  // The library would wait for the checksum and ignore it.
  const bytes = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, descriptor & ~CHECKSUM_FLAG, ...fields);
  const hasChecksum = (descriptor & CHECKSUM_FLAG) !== 0;
  return { bytes, hasChecksum, contentSize: sizeBytes > 0 ? size : undefined };
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >>> 3));
  return base + (base / 8) * (byte & 7);
}

/** One block with its header, in memory of its own. */
function* blockOf(input: CompressedInput): Generator<undefined, Uint8Array, void> {
  if (!(yield* input.waitFor(3))) throw endsEarly(NAME);
  // Peeked at, not taken: the block is returned with its header.
  const header = littleEndian(input.bytes.subarray(0, 3));
  const type = (header >>> 1) & 3;
  const size = header >>> 3;
  if (type === RESERVED_BLOCK || size > MAX_BLOCK) throw damaged(NAME, 'an invalid block');
  const block = (yield* taken(input, 3 + (type === RUN_BLOCK ? 1 : size))).slice();
  if (type === COMPRESSED_BLOCK && hasEndlessWeights(block.subarray(3))) throw damaged(NAME, 'not zstd data');
  return block;
}

/** Takes exactly `count` bytes, valid until more input is added. */
function* taken(input: CompressedInput, count: number): Generator<undefined, Uint8Array, void> {
  if (!(yield* input.waitFor(count))) throw endsEarly(NAME);
  return input.take(count);
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((number, byte) => number * 256 + byte, 0);
}

function decode(work: () => void): void {
  try {
    work();
  } catch (error) {
    // The library's own errors, which have a code, say what is wrong; others come from data that it did not expect.
    const isKnown = error instanceof Error && 'code' in error;
    throw damaged(NAME, isKnown ? error.message : 'not zstd data');
  }
}

/** A literals section with a Huffman tree of its own. */
const WITH_TREE = 2;
/** A tree's weights are not compressed themselves if its first byte is at least this. */
const PLAIN_WEIGHTS = 128;

/**
 * Whether the weights of a block's Huffman tree are compressed with a code of one symbol. That takes no bits, so a
 * decoder that reads weights until the bits are used up, as the library does, would never end. No program writes this,
 * and no sound block has it.
 * @param block a compressed block without its header
 */
function hasEndlessWeights(block: Uint8Array): boolean {
  const sizes = block[0]!;
  if ((sizes & 3) !== WITH_TREE) return false;
  const sizeFormat = (sizes >>> 2) & 3;
  const tree = sizeFormat < 2 ? 3 : sizeFormat + 2;
  if ((block[tree] ?? PLAIN_WEIGHTS) >= PLAIN_WEIGHTS) return false;
  const accuracy = ((block[tree + 1] ?? 0) & 15) + 5;
  // The probabilities of the symbols: while they are 0, the next may still be the whole.
  for (let position = 8 * (tree + 1) + 4; position < 8 * block.length;) {
    const longest = bitsAt(block, position, accuracy + 1);
    if (longest === 2 ** (accuracy + 1) - 1) return true;
    const probability = (longest & (2 ** accuracy - 1)) - 1;
    if (probability !== 0) return false;
    position += accuracy;
    let zeros: number;
    do {
      zeros = bitsAt(block, position, 2);
      position += 2;
    } while (zeros === 3);
  }
  return false;
}

/** Reads `count` bits, the first the lowest; 0 past the end. */
function bitsAt(bytes: Uint8Array, position: number, count: number): number {
  let bits = 0;
  for (let bit = 0; bit < count; bit++) {
    const byte = bytes[(position + bit) >>> 3] ?? 0;
    bits |= ((byte >>> ((position + bit) & 7)) & 1) << bit;
  }
  return bits;
}
