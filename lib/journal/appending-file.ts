import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { forcedToDisk } from '../disk.js';

/** Time between two syncs: their own time costs the disk, so there are at most so many seconds of them in a hundred. */
const SYNC_SHARE = 0.01;
/** What a power cut may cost, with the time of the sync itself, stays below 30 seconds. */
const LONGEST_INTERVAL = 20_000;
const SHORTEST_INTERVAL = 1_000;
/** Bytes that wait for the disk, from which whoever makes more of them is to wait too. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** What this needs of a FileHandle; it appends, wherever the file ends. */
export type AppendedHandle = Pick<FileHandle, 'appendFile' | 'datasync' | 'close'>;

/**
 * A file that grows by whole records: each is handed to the system at once, so that it outlives this process, and forced
 * to the disk at intervals, so that it outlives the machine. Never two writes at a time. A failure is told once, to
 * `onFailure`, and nothing is written after it.
 */
export class AppendingFile {
  readonly #handle: AppendedHandle;
  readonly #onFailure: (cause: unknown) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #written = 0;
  #writing: Promise<void> | undefined;
  #failed = false;
  #unsynced = false;
  #syncing: Promise<void> | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #interval = SHORTEST_INTERVAL;

  constructor(handle: AppendedHandle, onFailure: (cause: unknown) => void) {
    this.#handle = handle;
    this.#onFailure = onFailure;
  }

  /** The bytes are taken over. */
  append(record: Uint8Array): void {
    if (this.#failed) return;
    this.#waiting.push(record);
    this.#waitingBytes += record.length;
    this.#writing ??= this.#write();
  }

  /** Records that the system has taken. */
  get written(): number {
    return this.#written;
  }

  /** Resolves when there is room for more; at once, mostly. */
  get room(): Promise<void> | undefined {
    return this.#waitingBytes > MAX_WAITING_BYTES ? this.#writing : undefined;
  }

  /** Everything is on the disk then, unless it failed. */
  async close(): Promise<void> {
    await this.#writing;
    clearTimeout(this.#syncTimer);
    await this.#syncing;
    await this.#sync();
    await this.#handle.close();
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.#failed) {
        const records = this.#waiting;
        const bytes = this.#waitingBytes;
        this.#waiting = [];
        await this.#handle.appendFile(records.length === 1 ? records[0]! : Buffer.concat(records));
        this.#waitingBytes -= bytes;
        this.#written += records.length;
        this.#unsynced = true;
        this.#syncLater();
      }
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#writing = undefined;
    }
  }

  #syncLater(): void {
    if (this.#syncTimer !== undefined) return;
    this.#syncTimer = setTimeout(() => {
      this.#syncing = this.#sync().finally(() => {
        this.#syncing = undefined;
        this.#syncTimer = undefined;
        if (this.#unsynced && !this.#failed) this.#syncLater();
      });
    }, this.#interval).unref();
  }

  async #sync(): Promise<void> {
    if (!this.#unsynced || this.#failed) return;
    this.#unsynced = false;
    const start = performance.now();
    try {
      await forcedToDisk(() => this.#handle.datasync());
    } catch (cause) {
      this.#fail(cause);
    }
    const taken = performance.now() - start;
    this.#interval = Math.min(Math.max(taken / SYNC_SHARE, SHORTEST_INTERVAL), LONGEST_INTERVAL);
  }

  #fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#onFailure(cause);
  }
}

/** Milliseconds between two looks. */
export const LOOKING_INTERVAL = 5_000;

/**
 * Whether an open file is still the one that its name stands for: writing to a file that was removed or replaced succeeds
 * for ever, and is worth nothing.
 */
export class NameWatch {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  /** @param onLost told once */
  constructor(path: string, file: FileHandle, onLost: () => void) {
    this.#path = path;
    this.#file = file;
    this.#timer = setInterval(() => {
      void this.isLost().then((isLost) => {
        if (!isLost || this.#isOver) return;
        this.end();
        onLost();
      });
    }, LOOKING_INTERVAL).unref();
  }

  /** A file system that fails or hangs for a moment says nothing about it. */
  async isLost(): Promise<boolean> {
    try {
      const [named, open] = await Promise.all([stat(this.#path, { bigint: true }), this.#file.stat({ bigint: true })]);
      return named.ino !== open.ino || named.dev !== open.dev;
    } catch (cause) {
      return (cause as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }

  end(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }
}
