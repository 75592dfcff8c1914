import type { AsyncByteQueue, Data, FixedSizeList, Float32, RecordBatchFileWriter, Schema } from 'apache-arrow';
import type { BufferedFile, FileSummary } from '../output/buffered-file.js';
import { importUnseen, optionalPackage } from './optional-package.js';
import { appendInPieces } from './vector-table.js';
import type { BlockSink, RowBlock, VectorTable } from './vector-table.js';

type Arrow = typeof import('apache-arrow');

/** An Arrow IPC file (Feather 2) with a record batch for each block: keys, then vectors as lists of fixed size. */
export class ArrowVectors implements BlockSink {
  readonly #arrow: Arrow;
  readonly #table: VectorTable;
  readonly #file: BufferedFile;
  readonly #schema: Schema;
  readonly #writer: RecordBatchFileWriter;
  #pieces: Uint8Array[] = [];

  private constructor(arrow: Arrow, table: VectorTable, file: BufferedFile) {
    this.#arrow = arrow;
    this.#table = table;
    this.#file = file;
    this.#schema = schemaOf(arrow, table);
    this.#writer = new arrow.RecordBatchFileWriter();
    this.#writer.reset(this.#makeQueue(), this.#schema);
  }

  /** @throws VirnucproError VNP_USAGE if apache-arrow is not installed */
  static async create(table: VectorTable, file: BufferedFile): Promise<ArrowVectors> {
    const arrow = await optionalPackage(() => importUnseen<Arrow>('apache-arrow'), 'apache-arrow', 'write Arrow files');
    return new ArrowVectors(arrow, table, file);
  }

  write({ rows, keys, vectors }: RowBlock): Promise<void> {
    const { makeData, vectorFromArray, RecordBatch, Struct, Float32, Utf8 } = this.#arrow;
    const keyData = this.#table.keys.map(({ type }, column) =>
      type === 'text'
        ? vectorFromArray(keys[column] as string[], new Utf8()).data[0]!
        : makeData({ type: new this.#arrow.Int32(), data: Int32Array.from(keys[column] as number[]) }),
    );
    const vectorData = this.#table.vectors.map(({ width }, column) => {
      const child = makeData({ type: new Float32(), data: vectors[column]! });
      return makeData({ type: vectorType(this.#arrow, width), length: rows, nullCount: 0, child });
    });
    const children: Data[] = [...keyData, ...vectorData];
    const data = makeData({ type: new Struct(this.#schema.fields), length: rows, nullCount: 0, children });
    this.#writer.write(new RecordBatch(this.#schema, data));
    return this.#passOn();
  }

  async close(): Promise<readonly FileSummary[]> {
    this.#writer.finish();
    await this.#passOn();
    return [await this.#file.close()];
  }

  async abandon(): Promise<void> {
    await this.#file.abandon();
  }

  async #passOn(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const bytes of pieces) await appendInPieces(this.#file, bytes);
  }

  /** Where the library writes to: it does not wait, so that its pieces are kept until `#passOn`. */
  #makeQueue(): AsyncByteQueue {
    const queue = new this.#arrow.AsyncByteQueue();
    queue.write = (bytes) => {
      this.#pieces.push(bytes as Uint8Array);
    };
    return queue;
  }
}

function schemaOf(arrow: Arrow, { keys, vectors, metadata }: VectorTable): Schema {
  const { Schema, Field, Utf8, Int32 } = arrow;
  return new Schema(
    [
      ...keys.map(({ name, type }) => new Field(name, type === 'text' ? new Utf8() : new Int32(), false)),
      ...vectors.map(({ name, width }) => new Field(name, vectorType(arrow, width), false)),
    ],
    new Map([['virnucpro', JSON.stringify(metadata)]]),
  );
}

function vectorType({ Field, FixedSizeList, Float32 }: Arrow, width: number): FixedSizeList<Float32> {
  return new FixedSizeList(width, new Field('item', new Float32(), false));
}
