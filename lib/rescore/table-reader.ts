import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { VirnucproError } from '../errors.js';
import type { FileSummary } from '../output/buffered-file.js';
import { outputError } from '../output/output-error.js';

const READ_BYTES = 1024 * 1024;

export interface TableReaderOptions {
  readonly path: string;
  /** The path that errors name. */
  readonly shownPath: string;
  /** Required columns, in any order and among any others. */
  readonly columns: readonly string[];
  /** Whether a comment comes before the header. Default true. */
  readonly hasComment?: boolean;
  /** Aborts reading at the next block, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads one of our tables row by row, a block at a time. Each character of its text stands for one UTF-8 byte, so that
 * writing the text again gives the same bytes.
 */
export class TableReader {
  /** The comment line, without its line end; empty if the table has none. */
  comment = '';
  /** The header line, without its line end. */
  header = '';
  /** The cells of the current row. */
  cells: string[] = [];
  /** The line number of the current row, from 1. */
  line = 0;
  readonly #options: TableReaderOptions;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  readonly #block = Buffer.allocUnsafe(READ_BYTES);
  #columns: string[] = [];
  #text = '';
  #position = 0;
  #bytes = 0;

  private constructor(options: TableReaderOptions, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
  }

  /** @throws VirnucproError VNP_OUTPUT if the file cannot be read or is not such a table */
  static async open(options: TableReaderOptions): Promise<TableReader> {
    const handle = await open(options.path).catch((cause: unknown) => {
      throw outputError('cannot be read', options.shownPath, cause);
    });
    const table = new TableReader(options, handle);
    try {
      await table.#readHead();
      return table;
    } catch (error) {
      await table.close();
      throw error;
    }
  }

  /** The column's index in `cells`; -1 if the table does not have it. */
  position(column: string): number {
    return this.#columns.indexOf(column);
  }

  /**
   * Moves to the next row. Returns whether there is one, as a promise if more must be read.
   * @throws VirnucproError VNP_OUTPUT at a row with fewer or more cells than there are columns
   */
  advance(): boolean | Promise<boolean> {
    const end = this.#text.indexOf('\n', this.#position);
    if (end < 0) return this.#readOn().then((isMore) => isMore && this.advance());
    this.cells = this.#text.slice(this.#position, end).split('\t');
    this.#position = end + 1;
    this.line++;
    if (this.cells.length !== this.#columns.length) {
      throw this.damaged(`has ${this.cells.length} cells instead of ${this.#columns.length}`);
    }
    return true;
  }

  /**
   * The error for something impossible in the current row or an earlier one.
   *
   * @param problem continues the sentence after the place, such as `has 13 cells instead of 14`
   */
  damaged(problem: string, line = this.line): VirnucproError {
    return new VirnucproError(
      'VNP_OUTPUT',
      `Line ${line} of ${this.#options.shownPath} ${problem}. The table was changed or damaged after the run: predict ` +
        'again',
    );
  }

  /** The size and hash of what was read: of the whole file once `advance` has returned false. */
  summary(): FileSummary {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #readHead(): Promise<void> {
    const { hasComment = true } = this.#options;
    if (hasComment) this.comment = await this.#readLine();
    this.header = await this.#readLine();
    this.#columns = this.header.split('\t');
    const missing = this.#options.columns.filter((name) => !this.#columns.includes(name));
    if (this.comment.startsWith('# ') === hasComment && missing.length === 0) return;
    throw new VirnucproError(
      'VNP_OUTPUT',
      `${this.#options.shownPath} has ${missing.length === 0 ? 'no comment' : `no column ${missing.join(', ')}`}. It ` +
        `should begin with a ${hasComment ? 'comment and a ' : ''}header with the columns ` +
        `${this.#options.columns.join(', ')}, but was written by another version or changed after the run: predict again`,
    );
  }

  async #readLine(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#position);
      if (end >= 0) {
        const line = this.#text.slice(this.#position, end);
        this.#position = end + 1;
        this.line++;
        return line;
      }
      if (!(await this.#readOn())) return '';
    }
  }

  /** Reads the next block. @returns whether there was one */
  async #readOn(): Promise<boolean> {
    this.#options.signal?.throwIfAborted();
    const { bytesRead } = await this.#handle.read(this.#block, 0, READ_BYTES).catch((cause: unknown) => {
      throw outputError('cannot be read', this.#options.shownPath, cause);
    });
    const rest = this.#text.slice(this.#position);
    if (bytesRead === 0) {
      if (rest === '') return false;
      this.line++;
      throw this.damaged('ends without a line end');
    }
    this.#hash.update(this.#block.subarray(0, bytesRead));
    this.#bytes += bytesRead;
    this.#text = rest + this.#block.toString('latin1', 0, bytesRead);
    this.#position = 0;
    return true;
  }
}

/** A cell for a message, quoted and decoded from its UTF-8 bytes. */
export function shown(cell: string): string {
  return JSON.stringify(cellText(cell));
}

/** The text of a cell, decoded from its UTF-8 bytes. */
export function cellText(cell: string): string {
  return Buffer.from(cell, 'latin1').toString('utf8');
}
