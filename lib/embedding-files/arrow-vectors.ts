import type { AsyncByteQueue, Data, FixedSizeList, Float32, RecordBatchFileWriter, Schema } from 'apache-arrow';
import { both } from '../output/buffered-file.js';
import type { BufferedFile, FileSummary, Wait } from '../output/buffered-file.js';
import { optionalPackage } from './optional-package.js';
import type { BlockSink, RowBlock, VectorTable } from './vector-table.js';

type Arrow = typeof import('apache-arrow');

/** An Arrow IPC file (Feather 2) with a record batch for each block: keys, then vectors as lists of fixed size. */
export class ArrowVectors implements BlockSink {
  readonly #arrow: Arrow;
  readonly #table: VectorTable;
  readonly #file: BufferedFile;
  readonly #schema: Schema;
  readonly #writer: RecordBatchFileWriter;
  #wait: Wait;

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
    const arrow = await optionalPackage(() => import('apache-arrow'), 'apache-arrow', 'write Arrow files');
    return new ArrowVectors(arrow, table, file);
  }

  write({ rows, keys, vectors }: RowBlock): Wait {
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
    return this.#taken();
  }

  async close(): Promise<readonly FileSummary[]> {
    this.#writer.finish();
    await this.#taken();
    return [await this.#file.close()];
  }

  async abandon(): Promise<void> {
    await this.#file.abandon();
  }

  #taken(): Wait {
    const wait = this.#wait;
    this.#wait = undefined;
    return wait;
  }

  /** Where the library writes to: passes on every piece at once instead of queueing it. */
  #makeQueue(): AsyncByteQueue {
    const queue = new this.#arrow.AsyncByteQueue();
    queue.write = (bytes) => {
      this.#wait = both(this.#wait, this.#file.appendBytes(bytes as Uint8Array));
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
