import type { BufferedFile, FileSummary } from '../output/buffered-file.js';
import { escapeCell, escapeControls } from '../output/cell.js';
import { float32Text } from '../output/float-text.js';
import type { BlockSink, Keys, RowBlock, VectorTable } from './vector-table.js';

/** The comment line and the header line of a table of these columns. */
function head({ metadata }: VectorTable, columns: readonly string[]): string {
  const comment = Object.entries(metadata).map(([name, value]) => `${name}=${String(value)}`);
  return `# ${escapeControls(comment.join('; '))}\n${columns.join('\t')}\n`;
}

function keyCells(keys: RowBlock['keys'], row: number): string {
  return keys.map((column) => keyCell(column[row]!)).join('\t');
}

function keyCell(value: Keys[number]): string {
  return typeof value === 'string' ? escapeCell(value) : String(value);
}

/** Numbers between two chances for other work. */
const NUMBERS_AT_ONCE = 16 * 1024;

/** A tab-separated table with a column for each number of a vector. */
export class TextVectors implements BlockSink {
  readonly #table: VectorTable;
  readonly #file: BufferedFile;

  constructor(table: VectorTable, file: BufferedFile) {
    this.#table = table;
    this.#file = file;
    const numbers = table.vectors.flatMap(({ name, width }) => Array.from({ length: width }, (_, n) => `${name}_${n}`));
    void file.append(head(table, [...table.keys.map(({ name }) => name), ...numbers]));
  }

  async write({ rows, keys, vectors }: RowBlock): Promise<void> {
    const widths = this.#table.vectors.map(({ width }) => width);
    let numbers = 0;
    for (let row = 0; row < rows; row++) {
      let line = keyCells(keys, row);
      for (const [column, values] of vectors.entries()) {
        const width = widths[column]!;
        for (let index = row * width; index < (row + 1) * width; index++) line += `\t${float32Text(values[index]!)}`;
        numbers += width;
      }
      const room = this.#file.append(`${line}\n`);
      if (room !== undefined) await room;
      if (numbers < NUMBERS_AT_ONCE) continue;
      numbers = 0;
      await new Promise(setImmediate);
    }
  }

  async close(): Promise<readonly FileSummary[]> {
    return [await this.#file.close()];
  }

  async abandon(): Promise<void> {
    await this.#file.abandon();
  }
}

/** The keys of a table's rows, for a format that has no place for them. */
export class KeysFile {
  readonly #file: BufferedFile;

  constructor(table: VectorTable, file: BufferedFile) {
    this.#file = file;
    void file.append(
      head(
        table,
        table.keys.map(({ name }) => name),
      ),
    );
  }

  async write({ rows, keys }: RowBlock): Promise<void> {
    for (let row = 0; row < rows; row++) {
      const room = this.#file.append(`${keyCells(keys, row)}\n`);
      if (room !== undefined) await room;
    }
  }

  close(): Promise<FileSummary> {
    return this.#file.close();
  }

  async abandon(): Promise<void> {
    await this.#file.abandon();
  }
}
