import { BufferedFile, openNewFile } from '../output/buffered-file.js';
import { escapeCell } from '../output/cell.js';

/** Extension of the table of records without an embedding, after the name of the output. */
export const FAILED_RECORDS = '.failed.tsv';

/** A record without an embedding. */
export interface FailedRecord {
  /** From 1, in the whole input. */
  readonly record: number;
  readonly id: string;
  readonly source: string;
  readonly reason: string;
}

/** The table of records without an embedding. There is none if there are no such records. */
export class FailedRecordsWriter {
  readonly #file: BufferedFile;
  #rows = 0;

  constructor(path: string) {
    this.#file = new BufferedFile({ path, shownPath: path, open: openNewFile });
  }

  async write({ record, id, source, reason }: FailedRecord): Promise<void> {
    if (this.#rows++ === 0) await this.#file.append('record\tid\tsource\treason\n');
    await this.#file.append(`${record}\t${[id, source, reason].map(escapeCell).join('\t')}\n`);
  }

  async close(): Promise<void> {
    if (this.#rows > 0) await this.#file.close();
    else await this.#file.abandon();
  }

  async abandon(): Promise<void> {
    await this.#file.abandon();
  }
}
