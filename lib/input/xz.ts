import library from 'xz-decompress';
import { damaged, endsEarly } from './compression.js';
import type { CompressedInput, Decompress, Decompression } from './compression.js';

const NAME = 'an xz';

/** Exports of the library's WebAssembly: xz-embedded, for concatenated streams. */
interface XzExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  create_context(): number;
  destroy_context(context: number): void;
  /** Announces `count` bytes in the context's input buffer; 0 means the end of the input. */
  supply_input(context: number, count: number): void;
  /** Fills the context's output buffer. @returns an `xz_ret` of xz-embedded */
  get_next_output(context: number): number;
}

/** Positions of words in a context, as in the library's own script. */
const BUFFER_SIZE = 0;
const INPUT_ADDRESS = 1;
const INPUT_POSITION = 2;
const INPUT_SIZE = 3;
const OUTPUT_ADDRESS = 4;
const OUTPUT_POSITION = 5;
const CONTEXT_WORDS = 6;

const OK = 0;
const STREAM_END = 1;
const MEMORY_ERROR = 3;
const MEMORY_LIMIT_ERROR = 4;
const FORMAT_ERROR = 5;
const OPTIONS_ERROR = 6;
const BUFFER_ERROR = 8;

/** The library's stream cannot read two archives in turn, nor say where one ended early; the module beneath can. */
async function loadExports(): Promise<XzExports> {
  const stream = library.XzReadableStream as unknown as {
    _moduleInstance?: { readonly exports: XzExports };
    _getModuleInstance(): Promise<void>;
  };
  if (stream._moduleInstance === undefined) await stream._getModuleInstance();
  return stream._moduleInstance!.exports;
}

/** The content of concatenated xz streams. CRC32 and CRC64 are verified; an archive with SHA-256 is refused. */
export async function loadXz(): Promise<Decompress> {
  const exports = await loadExports();
  return (input) => xzContent(exports, input);
}

function* xzContent(exports: XzExports, input: CompressedInput): Decompression {
  const context = exports.create_context();
  // Growing the memory replaces its buffer.
  const words = (): Uint32Array => new Uint32Array(exports.memory.buffer, context, CONTEXT_WORDS);
  try {
    for (;;) {
      if (words()[INPUT_POSITION] === words()[INPUT_SIZE]) {
        yield* input.waitFor(1);
        const part = input.take(Math.min(input.length, words()[BUFFER_SIZE]!));
        new Uint8Array(exports.memory.buffer).set(part, words()[INPUT_ADDRESS]);
        exports.supply_input(context, part.length);
      }
      const result = exports.get_next_output(context);
      const content = new Uint8Array(exports.memory.buffer, words()[OUTPUT_ADDRESS], words()[OUTPUT_POSITION]);
      if (content.length > 0) {
        yield content;
        words()[OUTPUT_POSITION] = 0;
      }
      if (result === STREAM_END) return;
      if (result !== OK) throw archiveDamage(result);
    }
  } finally {
    exports.destroy_context(context);
  }
}

function archiveDamage(result: number): Error {
  switch (result) {
    case BUFFER_ERROR:
      return endsEarly(NAME);
    case MEMORY_ERROR:
    case MEMORY_LIMIT_ERROR:
      return damaged(NAME, 'or needs too much memory');
    case FORMAT_ERROR:
      return damaged(NAME, 'not xz data, or other data after it');
    case OPTIONS_ERROR:
      return damaged(NAME, 'or has an unsupported filter or check, such as SHA-256');
    default:
      return damaged(NAME, 'its data or checksum is wrong');
  }
}
