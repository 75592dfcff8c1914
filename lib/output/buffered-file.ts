import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { forcedToDisk } from '../disk.js';
import type { StoredContigResult, WindowResult } from '../scoring/results.js';
import { outputError } from './output-error.js';

/** The part of FileHandle that a file needs. */
export interface WritableHandle {
  write(buffer: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export type OpenFile = (path: string) => Promise<WritableHandle>;

/** Refuses an existing file: the folder is the run's own. */
export const openNewFile: OpenFile = (path) => open(path, 'wx');

/** A promise to await before the next write, or nothing when there is room. */
export type Wait = Promise<void> | undefined;

export function both(first: Wait, second: Wait): Wait {
  if (first === undefined) return second;
  if (second === undefined) return first;
  return Promise.all([first, second]).then(() => undefined);
}

export interface BufferedFileOptions {
  /** Where it is written. */
  readonly path: string;
  /** The path that errors name: where the user will find it. */
  readonly shownPath: string;
  readonly open: OpenFile;
  /** `latin1` for text that already stands for UTF-8 bytes, one character a byte. Default `utf8`. */
  readonly encoding?: 'utf8' | 'latin1';
  /** A file that does not outlive the run: neither hashed nor forced to the disk. Default false. */
  readonly temporary?: boolean;
  /** Default: unless it is temporary. */
  readonly hashed?: boolean;
}

export interface FileSummary {
  readonly bytes: number;
  /** Hexadecimal; empty for a file that is not hashed. */
  readonly sha256: string;
}

const BLOCK_BYTES = 64 * 1024;

/**
 * A file written in blocks of about 64 KiB, one write at a time, so that at most two blocks are held. A failed write is
 * kept and rejects the next call (VNP_OUTPUT); no promise is left rejected without a handler.
 */
export class BufferedFile {
  readonly shownPath: string;
  readonly #options: BufferedFileOptions;
  readonly #hash: Hash | undefined;
  #handle: WritableHandle | undefined;
  #chunks: Uint8Array[] = [];
  #text = '';
  #pending = 0;
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(options: BufferedFileOptions) {
    this.#options = options;
    this.shownPath = options.shownPath;
    const { temporary = false, hashed = !temporary } = options;
    this.#hash = hashed ? createHash('sha256') : undefined;
  }

  append(text: string): Wait {
    this.#text += text;
    this.#pending += text.length;
    return this.#pending < BLOCK_BYTES ? undefined : this.#makeRoom();
  }

  /** Takes ownership of the bytes: the caller must not change them afterwards. */
  appendBytes(bytes: Uint8Array): Wait {
    this.#encodeText();
    this.#chunks.push(bytes);
    this.#pending += bytes.length;
    return this.#pending < BLOCK_BYTES ? undefined : this.#makeRoom();
  }

  /** Writes what is left and closes the file, which then exists, even if nothing was appended. */
  async close(): Promise<FileSummary> {
    await this.#writing;
    if (this.#failure === undefined) {
      this.#startWriting();
      await this.#writing;
    }
    await this.#closeHandle(this.#options.temporary !== true);
    if (this.#failure !== undefined) throw this.#failure;
    return { bytes: this.#bytes, sha256: this.#hash?.digest('hex') ?? '' };
  }

  /** Closes without writing what is left; never fails. */
  async abandon(): Promise<void> {
    this.#failure ??= outputError('cannot be written', this.shownPath, new Error('the run was given up'));
    await this.#writing;
    await this.#closeHandle(false);
  }

  #makeRoom(): Wait {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#writing === undefined) {
      this.#startWriting();
      return undefined;
    }
    return this.#writing.then(() => {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#pending >= BLOCK_BYTES && this.#writing === undefined) this.#startWriting();
    });
  }

  #encodeText(): void {
    if (this.#text === '') return;
    this.#chunks.push(Buffer.from(this.#text, this.#options.encoding ?? 'utf8'));
    this.#text = '';
  }

  #startWriting(): void {
    this.#encodeText();
    const block = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#pending = 0;
    this.#writing = this.#writeWhole(block)
      .catch((cause: unknown) => {
        this.#failure ??= outputError('cannot be written', this.shownPath, cause);
      })
      .then(() => {
        this.#writing = undefined;
      });
  }

  async #writeWhole(block: Uint8Array): Promise<void> {
    this.#handle ??= await this.#options.open(this.#options.path);
    this.#hash?.update(block);
    for (let offset = 0; offset < block.length;) {
      const { bytesWritten } = await this.#handle.write(block, offset, block.length - offset);
      offset += bytesWritten;
    }
    this.#bytes += block.length;
  }

  async #closeHandle(durable: boolean): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    try {
      // Network file systems and quotas report a full disk only here.
      if (durable && this.#failure === undefined) await forcedToDisk(() => handle.sync());
    } catch (cause) {
      this.#failure ??= outputError('cannot be written', this.shownPath, cause);
    }
    await handle.close().catch((cause: unknown) => {
      this.#failure ??= outputError('cannot be written', this.shownPath, cause);
    });
  }
}

/** Writes one file, or a few that belong together, from the results as they come. */
export interface ResultWriter {
  window?(result: WindowResult): Wait;
  contig?(result: StoredContigResult): Wait;
  /** After the last result, before the files are closed. */
  end?(): Promise<void>;
}
