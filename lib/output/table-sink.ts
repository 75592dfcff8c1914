import type { Wait } from './buffered-file.js';

/** undefined where a row has no value: only in optional columns. */
export type TableValue = string | number | undefined;

/** Writes rows of values, in the order of the table's columns. */
export interface TableSink {
  row(values: readonly TableValue[]): Wait;
  end?(): Promise<void>;
}

/** The formats of the tables. */
export const TABLE_FORMATS = ['tsv', 'parquet'] as const;

export type TableFormat = (typeof TABLE_FORMATS)[number];
