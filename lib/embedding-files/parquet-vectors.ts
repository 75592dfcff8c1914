import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import type { BufferedFile, FileSummary, Wait } from '../output/buffered-file.js';
import { ParquetBytes } from '../output/parquet-bytes.js';
import { packageVersion } from '../package.js';
import { bytesOf } from './vector-table.js';
import type { BlockSink, KeyColumn, RowBlock, VectorColumn, VectorTable } from './vector-table.js';

type Schema = ParquetWriter['schema'];
type ColumnChunk = ParquetWriter['row_groups'][number]['columns'][number];

/** Numbers in a page: 1 MiB of them. */
const PAGE_VALUES = 256 * 1024;

/**
 * A Parquet file with a row group for each block: keys compressed, vectors as lists of floats. hyparquet-writer writes
 * the keys and the footer. It takes numbers of lists one by one, at 8 MB/s; lists of one length have the same levels
 * in every row, so that their pages are written here from the numbers' own bytes.
 */
export class ParquetVectors implements BlockSink {
  readonly #table: VectorTable;
  readonly #file: BufferedFile;
  readonly #bytes: ParquetBytes;
  readonly #parquet: ParquetWriter;

  constructor(table: VectorTable, file: BufferedFile) {
    this.#table = table;
    this.#file = file;
    this.#bytes = new ParquetBytes(file);
    this.#parquet = new ParquetWriter({
      writer: this.#bytes,
      schema: schemaOf(table),
      kvMetadata: [{ key: 'virnucpro', value: JSON.stringify(table.metadata) }],
      createdBy: `virnucpro ${packageVersion}`,
    });
  }

  async write({ rows, keys, vectors }: RowBlock): Promise<void> {
    const columnData = this.#table.keys.map(({ name, type }, column) =>
      type === 'text' ? { name, data: [...keys[column]!] } : { name, data: Int32Array.from(keys[column] as number[]) },
    );
    await this.#parquet.write({ columnData, rowGroupSize: rows });
    const group = this.#parquet.row_groups.at(-1)!;
    for (const [column, { name, width }] of this.#table.vectors.entries()) {
      const chunk = await this.#writeVectors(name, width, vectors[column]!);
      const size = chunk.meta_data!.total_compressed_size;
      group.columns.push(chunk);
      group.total_byte_size += size;
      group.total_compressed_size = (group.total_compressed_size ?? 0n) + size;
    }
  }

  async close(): Promise<readonly FileSummary[]> {
    await this.#parquet.finish();
    await this.#bytes.flush();
    return [await this.#file.close()];
  }

  async abandon(): Promise<void> {
    await this.#file.abandon();
  }

  async #writeVectors(name: string, width: number, values: Float32Array<ArrayBuffer>): Promise<ColumnChunk> {
    const start = this.#bytes.offset;
    const rowsOfPage = Math.max(1, Math.floor(PAGE_VALUES / width));
    for (let first = 0; first < values.length; first += rowsOfPage * width) {
      await this.#writePage(width, values.subarray(first, first + rowsOfPage * width));
    }
    const size = BigInt(this.#bytes.offset - start);
    return {
      file_offset: 0n,
      meta_data: {
        type: 'FLOAT',
        encodings: ['RLE', 'PLAIN'],
        path_in_schema: [name, 'list', 'element'],
        codec: 'UNCOMPRESSED',
        num_values: BigInt(values.length),
        total_uncompressed_size: size,
        total_compressed_size: size,
        data_page_offset: BigInt(start),
      },
    };
  }

  #writePage(width: number, values: Float32Array<ArrayBuffer>): Wait {
    const rows = values.length / width;
    const repetition = repetitionLevels(rows, width);
    const definition = new ByteWriter();
    writeRun(definition, values.length, 1);
    const size = repetition.index + definition.index + values.byteLength;
    writePageHeader(this.#bytes, {
      type: 'DATA_PAGE_V2',
      uncompressed_page_size: size,
      compressed_page_size: size,
      data_page_header_v2: {
        num_values: values.length,
        num_nulls: 0,
        num_rows: rows,
        encoding: 'PLAIN',
        definition_levels_byte_length: definition.index,
        repetition_levels_byte_length: repetition.index,
        is_compressed: false,
      },
    });
    this.#bytes.appendBytes(repetition.getBytes());
    this.#bytes.appendBytes(definition.getBytes());
    return this.#bytes.passOn(bytesOf(values));
  }
}

/** 0 where a row begins, 1 elsewhere. */
function repetitionLevels(rows: number, width: number): ByteWriter {
  const levels = new ByteWriter();
  if (width === 1) writeRun(levels, rows, 0);
  else {
    for (let row = 0; row < rows; row++) {
      writeRun(levels, 1, 0);
      writeRun(levels, width - 1, 1);
    }
  }
  return levels;
}

/** A run of equal levels of one bit. */
function writeRun(levels: ByteWriter, length: number, level: 0 | 1): void {
  levels.appendVarInt(length << 1);
  levels.appendUint8(level);
}

function schemaOf({ keys, vectors }: VectorTable): Schema {
  return [
    { name: 'root', num_children: keys.length + vectors.length },
    ...keys.map(keyElement),
    ...vectors.flatMap(vectorElements),
  ];
}

function keyElement({ name, type }: KeyColumn): Schema[number] {
  if (type === 'integer') return { name, type: 'INT32', repetition_type: 'REQUIRED' };
  return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' };
}

function vectorElements({ name }: VectorColumn): Schema {
  return [
    { name, repetition_type: 'REQUIRED', converted_type: 'LIST', logical_type: { type: 'LIST' }, num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
  ];
}
