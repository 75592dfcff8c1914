import { ParquetWriter } from 'hyparquet-writer';
import { packageVersion } from '../package.js';
import type { BufferedFile, Wait } from './buffered-file.js';
import type { OutputColumn, OutputFile } from './files.js';
import { ParquetBytes } from './parquet-bytes.js';
import type { TableSink, TableValue } from './table-sink.js';

type Schema = ParquetWriter['schema'];

/** Few enough that writing them takes no longer than a batch of scores. */
const ROWS_IN_GROUP = 16 * 1024;

/** A table as Parquet, with a type for each column. */
export class ParquetTable implements TableSink {
  readonly #table: OutputFile;
  readonly #bytes: ParquetBytes;
  readonly #parquet: ParquetWriter;
  #rows = 0;
  #columns: TableValue[][];

  constructor(file: BufferedFile, table: OutputFile, comment: string) {
    this.#table = table;
    this.#columns = table.columns.map(() => []);
    this.#bytes = new ParquetBytes(file);
    this.#parquet = new ParquetWriter({
      writer: this.#bytes,
      schema: [{ name: 'root', num_children: table.columns.length }, ...table.columns.map(elementOf)],
      kvMetadata: [{ key: 'virnucpro', value: comment }],
      createdBy: `virnucpro ${packageVersion}`,
    });
  }

  row(values: readonly TableValue[]): Wait {
    for (const [column, value] of values.entries()) this.#columns[column]!.push(value);
    this.#rows++;
    return this.#rows < ROWS_IN_GROUP ? undefined : this.#writeGroup();
  }

  async end(): Promise<void> {
    if (this.#rows > 0) await this.#writeGroup();
    await this.#parquet.finish();
    await this.#bytes.flush();
  }

  #writeGroup(): Wait {
    const columnData = this.#table.columns.map(({ name, type }, index) => ({
      name,
      data: type === 'integer' ? this.#columns[index]!.map(asInteger) : this.#columns[index]!,
    }));
    const rowGroupSize = this.#rows;
    this.#rows = 0;
    this.#columns = this.#table.columns.map(() => []);
    return this.#parquet.write({ columnData, rowGroupSize }) ?? undefined;
  }
}

function asInteger(value: TableValue): bigint | undefined {
  return value === undefined ? undefined : BigInt(value);
}

function elementOf({ name, type, isOptional }: OutputColumn): Schema[number] {
  const repetition_type = isOptional ? 'OPTIONAL' : 'REQUIRED';
  if (type === 'integer') return { name, type: 'INT64', repetition_type };
  if (type === 'score') return { name, type: 'FLOAT', repetition_type };
  return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type };
}
