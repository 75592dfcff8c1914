import type { BufferedFile, FileSummary, Wait } from '../output/buffered-file.js';

export interface KeyColumn {
  readonly name: string;
  /** `integer`: 0 to 2^31 - 1. */
  readonly type: 'text' | 'integer';
}

export interface VectorColumn {
  readonly name: string;
  /** Numbers in each of its vectors. */
  readonly width: number;
}

export type MetadataValue = string | number | readonly number[];

/** The description of a table of float32 vectors, which every format lays out in its own way. */
export interface VectorTable {
  /** What identifies a row: not necessarily unique. */
  readonly keys: readonly KeyColumn[];
  readonly vectors: readonly VectorColumn[];
  /** How the vectors were made. */
  readonly metadata: Readonly<Record<string, MetadataValue>>;
}

/** Of one row, in the order of `VectorTable.keys`. */
export type Keys = readonly (string | number)[];

/** Rows of a table on their way to a file. Whoever receives a block owns its arrays. */
export interface RowBlock {
  readonly rows: number;
  /** The values of each key column. */
  readonly keys: readonly (readonly (string | number)[])[];
  /** For each vector column [rows, width]. */
  readonly vectors: readonly Float32Array<ArrayBuffer>[];
}

/** Writes the blocks of one table, in the layout of one format. One call at a time. */
export interface BlockSink {
  write(block: RowBlock): Wait;
  /** @returns for each of its files the size and hash, or undefined if it was not written from start to end */
  close(): Promise<readonly (FileSummary | undefined)[]>;
  /** Closes without completing anything, and removes temporary files; never fails. */
  abandon(): Promise<void>;
}

const BLOCK_BYTES = 16 * 1024 * 1024;
/** Narrow vectors do not make blocks whose keys take long to write. */
const MAX_BLOCK_ROWS = 8 * 1024;

/** Gathers rows into blocks of at most 16 MiB. */
export class VectorRows {
  readonly #table: VectorTable;
  readonly #sink: BlockSink;
  readonly #capacity: number;
  #block: { rows: number; keys: (string | number)[][]; vectors: Float32Array<ArrayBuffer>[] } | undefined;

  constructor(table: VectorTable, sink: BlockSink, blockBytes = BLOCK_BYTES) {
    this.#table = table;
    this.#sink = sink;
    const rowBytes = table.vectors.reduce((sum, { width }) => sum + width * Float32Array.BYTES_PER_ELEMENT, 0);
    this.#capacity = Math.max(1, Math.min(MAX_BLOCK_ROWS, Math.floor(blockBytes / rowBytes)));
  }

  /**
   * Adds a row; its vectors are copied. Await a returned promise before the next call.
   * @param offset of the row's first number in each vector's array, in rows
   */
  append(keys: Keys, vectors: readonly Float32Array[], offset = 0): Wait {
    const block = (this.#block ??= this.#newBlock());
    keys.forEach((value, column) => block.keys[column]!.push(value));
    this.#table.vectors.forEach(({ width }, column) => {
      const from = vectors[column]!;
      const row = from.length === width ? from : from.subarray(offset * width, (offset + 1) * width);
      block.vectors[column]!.set(row, block.rows * width);
    });
    block.rows++;
    return block.rows < this.#capacity ? undefined : this.#passOn();
  }

  async close(): Promise<readonly (FileSummary | undefined)[]> {
    await this.#passOn();
    return this.#sink.close();
  }

  async abandon(): Promise<void> {
    this.#block = undefined;
    await this.#sink.abandon();
  }

  #newBlock() {
    return {
      rows: 0,
      keys: this.#table.keys.map((): (string | number)[] => []),
      vectors: this.#table.vectors.map(({ width }) => new Float32Array(this.#capacity * width)),
    };
  }

  #passOn(): Wait {
    const block = this.#block;
    if (block === undefined) return undefined;
    this.#block = undefined;
    const { rows, keys } = block;
    const vectors = this.#table.vectors.map(({ width }, column) => block.vectors[column]!.subarray(0, rows * width));
    return this.#sink.write({ rows, keys, vectors });
  }
}

/** The bytes of an array of numbers, without a copy. */
export function bytesOf({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Bytes passed on at once, so that no step takes long: enough for full speed. */
const PIECE_BYTES = 1024 * 1024;

/** Appends bytes that may be many, and nothing changes any more. */
export async function appendInPieces(file: BufferedFile, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    const room = file.appendBytes(bytes.subarray(start, start + PIECE_BYTES));
    if (room !== undefined) await room;
  }
}
