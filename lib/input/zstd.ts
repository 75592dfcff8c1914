import { Decompress as FrameDecoder } from 'fzstd';
import { ArchiveDamage, damaged, endsEarly } from './compressed-input.js';
import type { CompressedInput, Decompression } from './compressed-input.js';
import { XxHash64 } from './xxhash64.js';
import { hasEndlessWeights } from './zstd-weights.js';

const NAME = 'a zstd';
const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const LARGEST_BLOCK = 128 * 1024;
/** As the zstd program has it unless told otherwise: a frame may ask for any amount of memory. */
const LARGEST_WINDOW = 128 * 1024 * 1024;
const CHECKSUM_FLAG = 4;
const RUN_BLOCK = 1;
const COMPRESSED_BLOCK = 2;
const RESERVED_BLOCK = 3;

/**
 * The content of zstd frames, one after another. The library decodes the blocks; it looks neither at checksums nor, in
 * streams, at where a frame ends, so the frames are taken apart here.
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
  /** With the magic number. */
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
  if ((descriptor & 8) !== 0) throw damaged(NAME, 'a frame of another version');
  const fields = yield* taken(input, windowBytes + idBytes + sizeBytes);
  const dictionary = littleEndian(fields.subarray(windowBytes, windowBytes + idBytes));
  if (dictionary !== 0) throw new ArchiveDamage(`${NAME} archive that needs dictionary ${dictionary}`);
  const size = littleEndian(fields.subarray(windowBytes + idBytes)) + (sizeBytes === 2 ? 256 : 0);
  const window = isSingleSegment ? size : windowSize(fields[0]!);
  if (window > LARGEST_WINDOW) throw new ArchiveDamage(`${NAME} archive with a window of ${window} bytes (--long)`);
  // The library would wait for the checksum, and not look at it.
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
  // Looked at, not taken: the block is given whole.
  const header = littleEndian(input.bytes.subarray(0, 3));
  const type = (header >>> 1) & 3;
  const size = header >>> 3;
  if (type === RESERVED_BLOCK || size > LARGEST_BLOCK) throw damaged(NAME, 'no such block');
  const block = (yield* taken(input, 3 + (type === RUN_BLOCK ? 1 : size))).slice();
  if (type === COMPRESSED_BLOCK && hasEndlessWeights(block.subarray(3))) throw damaged(NAME, 'no such data');
  return block;
}

/** Exactly so many bytes, valid until the input is added to. */
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
    // It says what is wrong in its own errors, and in those of the language where it did not expect something.
    const isKnown = error instanceof Error && 'code' in error;
    throw damaged(NAME, isKnown ? error.message : 'no such data');
  }
}
