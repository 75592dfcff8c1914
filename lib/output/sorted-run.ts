import { type FileHandle, open } from 'node:fs/promises';
import type { Wait } from './buffered-file.js';
import { outputError } from './output-error.js';

/** The highest scores of one window id. */
export interface HighestScores {
  /** The id's UTF-8 bytes, one character a byte, so that `<` compares by code point, unlike with UTF-16. */
  readonly key: string;
  readonly others: number;
  readonly virus: number;
}

/** The line of one entry in a run. The key comes last, so that nothing in it is taken for a score. */
export function runLine({ key, others, virus }: HighestScores): string {
  return `${others}\t${virus}\t${key}\n`;
}

const READ_BYTES = 64 * 1024;

/** A source of entries in the order of their keys. */
export interface SortedSource {
  /** Undefined at the end. */
  readonly current: HighestScores | undefined;
  /** Moves to the next entry; a promise if that needs reading. */
  advance(): Wait;
  close(): Promise<void>;
}

/** Entries that are in memory already. */
export class MemoryRun implements SortedSource {
  readonly #entries: readonly HighestScores[];
  #position = 0;

  constructor(entries: readonly HighestScores[]) {
    this.#entries = entries;
  }

  get current(): HighestScores | undefined {
    return this.#entries[this.#position];
  }

  advance(): Wait {
    this.#position++;
    return undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Reads a run from its file, a block at a time. */
export class FileRun implements SortedSource {
  current: HighestScores | undefined;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #block = Buffer.allocUnsafe(READ_BYTES);
  #text = '';
  #position = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<FileRun> {
    const handle = await open(path).catch((cause: unknown) => {
      throw outputError('cannot be read', path, cause);
    });
    const run = new FileRun(path, handle);
    try {
      await run.advance();
    } catch (error) {
      await run.close();
      throw error;
    }
    return run;
  }

  advance(): Wait {
    const end = this.#text.indexOf('\n', this.#position);
    if (end < 0) return this.#readOn();
    const line = this.#text.slice(this.#position, end);
    this.#position = end + 1;
    const first = line.indexOf('\t');
    const second = line.indexOf('\t', first + 1);
    this.current = {
      others: Number(line.slice(0, first)),
      virus: Number(line.slice(first + 1, second)),
      key: line.slice(second + 1),
    };
    return undefined;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #readOn(): Promise<void> {
    const { bytesRead } = await this.#handle.read(this.#block, 0, READ_BYTES).catch((cause: unknown) => {
      throw outputError('cannot be read', this.#path, cause);
    });
    if (bytesRead === 0) {
      this.current = undefined;
      return;
    }
    this.#text = this.#text.slice(this.#position) + this.#block.toString('latin1', 0, bytesRead);
    this.#position = 0;
    await this.advance();
  }
}
