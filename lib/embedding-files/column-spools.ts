import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { BufferedFile, openNewFile } from '../output/buffered-file.js';
import type { FileSummary, Wait } from '../output/buffered-file.js';
import { outputError } from '../output/output-error.js';
import type { StoredZipOptions } from './stored-zip.js';
import { appendInPieces, bytesOf } from './vector-table.js';
import type { BlockSink, RowBlock, VectorTable } from './vector-table.js';

const READ_BYTES = 1024 * 1024;
const TEXTS_AT_ONCE = 1024;

/** Texts on their way to a place that needs their number or the length of the longest first. */
export class TextSpool {
  readonly path: string;
  readonly #file: BufferedFile;
  /** Of all texts so far. */
  count = 0;
  bytes = 0;
  /** Of the longest text: bytes of UTF-8, and code points. */
  longestBytes = 0;
  longestPoints = 0;

  constructor(path: string, shownPath: string) {
    this.path = path;
    this.#file = new BufferedFile({ path, shownPath, open: openNewFile, temporary: true });
  }

  async append(texts: readonly string[]): Promise<void> {
    for (let first = 0; first < texts.length; first += TEXTS_AT_ONCE) {
      const parts = texts.slice(first, first + TEXTS_AT_ONCE).flatMap((text) => this.#stored(text));
      await this.#file.appendBytes(Buffer.concat(parts));
    }
  }

  async end(): Promise<void> {
    await this.#file.close();
  }

  /** After `end`: the texts, some at a time, as UTF-8. */
  async *read(): AsyncGenerator<Buffer[]> {
    const file = await open(this.path);
    try {
      let rest = Buffer.alloc(0);
      for (;;) {
        const block = Buffer.allocUnsafe(READ_BYTES);
        const { bytesRead } = await file.read(block, 0, READ_BYTES);
        if (bytesRead === 0) return;
        const found: Buffer[] = [];
        rest = Buffer.concat([rest, block.subarray(0, bytesRead)]);
        let position = 0;
        while (position + 4 <= rest.length) {
          const end = position + 4 + rest.readUInt32LE(position);
          if (end > rest.length) break;
          found.push(rest.subarray(position + 4, end));
          position = end;
        }
        rest = rest.subarray(position);
        yield found;
      }
    } finally {
      await file.close();
    }
  }

  async remove(): Promise<void> {
    await this.#file.abandon();
    await rm(this.path, { force: true });
  }

  #stored(text: string): Buffer[] {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    this.count++;
    this.bytes += bytes.length;
    this.longestBytes = Math.max(this.longestBytes, bytes.length);
    this.longestPoints = Math.max(this.longestPoints, pointsIn(text));
    return [length, bytes];
  }
}

function pointsIn(text: string): number {
  let points = 0;
  for (const _ of text) points++;
  return points;
}

/** Numbers on their way to a place that needs their count first. */
class NumberSpool {
  readonly path: string;
  readonly #file: BufferedFile;
  bytes = 0;

  constructor(path: string, shownPath: string) {
    this.path = path;
    this.#file = new BufferedFile({ path, shownPath, open: openNewFile, temporary: true });
  }

  append(numbers: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): Promise<void> {
    this.bytes += numbers.byteLength;
    return appendInPieces(this.#file, bytesOf(numbers));
  }

  async end(): Promise<void> {
    await this.#file.close();
  }

  /** After `end`. */
  read(): AsyncIterable<Uint8Array> {
    return createReadStream(this.path, { highWaterMark: READ_BYTES });
  }

  async remove(): Promise<void> {
    await this.#file.abandon();
    await rm(this.path, { force: true });
  }
}

/** The columns of a table in temporary files of their own, for formats that store one column after another. */
export class ColumnSpools {
  /** In the order of the table. */
  readonly keys: readonly (TextSpool | NumberSpool)[];
  readonly vectors: readonly NumberSpool[];
  rows = 0;

  /** @param path of the file to be written; the temporary files are beside it */
  constructor({ keys, vectors }: VectorTable, path: string, shownPath: string) {
    const spoolPath = (index: number): string => `${path}.${index}`;
    this.keys = keys.map(({ type }, index) =>
      type === 'text' ? new TextSpool(spoolPath(index), shownPath) : new NumberSpool(spoolPath(index), shownPath),
    );
    this.vectors = vectors.map((_, index) => new NumberSpool(spoolPath(keys.length + index), shownPath));
  }

  async append({ rows, keys, vectors }: RowBlock): Promise<void> {
    this.rows += rows;
    for (const [column, spool] of this.keys.entries()) {
      if (spool instanceof TextSpool) await spool.append(keys[column] as string[]);
      else await spool.append(Int32Array.from(keys[column] as number[]));
    }
    for (const [column, spool] of this.vectors.entries()) await spool.append(vectors[column]!);
  }

  async end(): Promise<void> {
    for (const spool of [...this.keys, ...this.vectors]) await spool.end();
  }

  async remove(): Promise<void> {
    await Promise.all([...this.keys, ...this.vectors].map((spool) => spool.remove()));
  }
}

/** A ZIP archive that stores one column after another: they grow in temporary files first. */
export abstract class SpooledColumns implements BlockSink {
  protected readonly table: VectorTable;
  protected readonly path: string;
  protected readonly columns: ColumnSpools;
  protected readonly zipOptions: StoredZipOptions;
  readonly #shownPath: string;

  constructor(table: VectorTable, path: string, shownPath: string, zipOptions: StoredZipOptions = {}) {
    this.table = table;
    this.path = path;
    this.columns = new ColumnSpools(table, path, shownPath);
    this.zipOptions = zipOptions;
    this.#shownPath = shownPath;
  }

  write(block: RowBlock): Wait {
    return this.columns.append(block);
  }

  async close(): Promise<readonly (FileSummary | undefined)[]> {
    await this.columns.end();
    try {
      await this.writeArchive();
    } catch (cause) {
      throw outputError('cannot be written', this.#shownPath, cause);
    }
    await this.columns.remove();
    return [undefined];
  }

  async abandon(): Promise<void> {
    await this.columns.remove().catch(() => undefined);
  }

  /** Writes the whole archive from the columns. It may remove those that it has read. */
  protected abstract writeArchive(): Promise<void>;
}
