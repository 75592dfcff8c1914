import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { forcedToDisk } from '../disk.js';

/** Fraction of the time that may go to syncs, because they slow the disk down. */
const SYNC_FRACTION = 0.01;
/** Milliseconds. With the time of the sync itself, a power cut then costs less than 30 seconds of work. */
const MAX_INTERVAL = 20_000;
const MIN_INTERVAL = 1_000;
/** Unwritten bytes above which producers have to wait, see `room`. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** The part of a FileHandle that is used here. It appends, wherever the file ends. */
export type AppendedHandle = Pick<FileHandle, 'appendFile' | 'datasync' | 'close'>;

/**
 * A file that grows by whole records. Each goes to the system at once, so that it survives this process, and is forced
 * to disk at intervals, so that it survives the machine. Writes never overlap. The first failure is reported to
 * `onFailure`; nothing is written after it.
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
  #interval = MIN_INTERVAL;

  constructor(handle: AppendedHandle, onFailure: (cause: unknown) => void) {
    this.#handle = handle;
    this.#onFailure = onFailure;
  }

  /** Takes ownership of the bytes. */
  append(record: Uint8Array): void {
    if (this.#failed) return;
    this.#waiting.push(record);
    this.#waitingBytes += record.length;
    this.#writing ??= this.#write();
  }

  /** Number of records that the system has accepted. */
  get written(): number {
    return this.#written;
  }

  /** Resolves when there is room for more; usually undefined, because there is room. */
  get room(): Promise<void> | undefined {
    return this.#waitingBytes > MAX_WAITING_BYTES ? this.#writing : undefined;
  }

  /** Resolves when everything is on disk, unless writing failed. */
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
    this.#interval = Math.min(Math.max(taken / SYNC_FRACTION, MIN_INTERVAL), MAX_INTERVAL);
  }

  #fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#onFailure(cause);
  }
}

/** Milliseconds between two checks. */
export const LOOKING_INTERVAL = 5_000;

/**
 * Checks that an open file is still the one under its name. Writes to a removed or replaced file succeed for ever, but
 * are worthless.
 */
export class NameWatch {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  /** @param onLost called at most once */
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

  /** A file system that fails or hangs for a moment does not count as a loss. */
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
