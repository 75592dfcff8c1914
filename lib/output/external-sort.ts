import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BufferedFile, type OpenFile, type Wait } from './buffered-file.js';
import { merge } from './merge.js';
import { FileRun, type HighestScores, MemoryRun, runLine } from './sorted-run.js';

export interface ExternalSortOptions {
  /** Folder for the runs. It must exist, and the caller removes files left there after a failure. */
  readonly folder: string;
  readonly open: OpenFile;
  /**
   * Approximate memory for entries before a run is written, in bytes. Default 2 MiB: sorting more at once would block
   * the event loop.
   */
  readonly runBytes?: number | undefined;
  /** Number of runs merged, and so open, at once. Default 64. */
  readonly fanIn?: number | undefined;
}

const ENTRY_BYTES = 96;

/**
 * Sorts the scores of window ids by code point in bounded memory, joining entries of the same id. What does not fit in
 * memory is written as sorted runs and merged at the end.
 */
export class ExternalSort {
  readonly #options: ExternalSortOptions;
  readonly #runBytes: number;
  readonly #fanIn: number;
  #entries: HighestScores[] = [];
  #bytes = 0;
  #runs: string[] = [];
  #runsMade = 0;

  constructor(options: ExternalSortOptions) {
    this.#options = options;
    this.#runBytes = options.runBytes ?? 2 * 1024 * 1024;
    this.#fanIn = Math.max(2, options.fanIn ?? 64);
  }

  /** Returns a promise to await before the next entry, if a run is being written. */
  add(entry: HighestScores): Wait {
    this.#entries.push(entry);
    this.#bytes += ENTRY_BYTES + entry.key.length;
    return this.#bytes < this.#runBytes ? undefined : this.#spill();
  }

  /** All entries in order, in pages. No entry can be added afterwards. */
  async *sorted(): AsyncGenerator<readonly HighestScores[]> {
    while (this.#runs.length > this.#fanIn) await this.#mergeFirstRuns();
    const inMemory = new MemoryRun(this.#takeSorted());
    const runs = await openRuns(this.#runs);
    yield* merge([...runs, inMemory]);
  }

  #takeSorted(): HighestScores[] {
    const entries = this.#entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.#entries = [];
    this.#bytes = 0;
    return entries;
  }

  async #spill(): Promise<void> {
    await this.#writeRun([this.#takeSorted()]);
  }

  async #mergeFirstRuns(): Promise<void> {
    const paths = this.#runs.splice(0, this.#fanIn);
    const pages = merge(await openRuns(paths));
    await this.#writeRun(pages);
    await Promise.all(paths.map((path) => rm(path)));
  }

  async #writeRun(pages: AsyncIterable<readonly HighestScores[]> | Iterable<readonly HighestScores[]>): Promise<void> {
    const path = join(this.#options.folder, `sorted-${++this.#runsMade}.run`);
    const { open } = this.#options;
    const file = new BufferedFile({ path, shownPath: path, open, encoding: 'latin1', temporary: true });
    try {
      for await (const page of pages) {
        for (const entry of page) {
          const room = file.append(runLine(entry));
          if (room !== undefined) await room;
        }
      }
    } catch (error) {
      await file.abandon();
      throw error;
    }
    await file.close();
    this.#runs.push(path);
  }
}

async function openRuns(paths: readonly string[]): Promise<FileRun[]> {
  const runs: FileRun[] = [];
  try {
    for (const path of paths) runs.push(await FileRun.open(path));
    return runs;
  } catch (error) {
    await Promise.all(runs.map((run) => run.close()));
    throw error;
  }
}
