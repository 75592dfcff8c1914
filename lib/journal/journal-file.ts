import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { forcedToDisk, makingRoom } from '../disk.js';
import { reasonOf, VirnucproError } from '../errors.js';
import { AppendingFile, NameWatch } from './appending-file.js';
import { DIGEST_BYTES, encodeRecord, KEY_RECORD, readRecord } from './journal-format.js';

export interface JournalFileOptions<Found extends FoundEnd> {
  readonly path: string;
  /** Text of the key record that a new journal begins with. */
  readonly key: string;
  /**
   * Reads what an earlier run left.
   * @throws VirnucproError VNP_RESUME when it is another run's
   */
  readonly scan: (file: FileHandle) => Promise<Found>;
  /** Called when the journal can no longer be written (VNP_OUTPUT), or was removed or replaced (VNP_OUTPUT_LOST). */
  readonly onFailure: (error: VirnucproError) => void;
}

/** What a scan of a journal says at least. */
export interface FoundEnd {
  /** Where the last whole record ends; 0 to begin anew. */
  readonly end: number;
  /** Whether the file is a journal, be it whole, damaged or just begun. */
  readonly isJournal: boolean;
}

/** A journal that is open: a file that only grows, of records that an earlier run may have begun. */
export class JournalFile {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #appending: AppendingFile;
  readonly #watch: NameWatch;

  private constructor(path: string, file: FileHandle, onFailure: (error: VirnucproError) => void) {
    this.path = path;
    this.#file = file;
    this.#appending = new AppendingFile(file, (cause) => onFailure(journalFailure(path, cause)));
    this.#watch = new NameWatch(path, file, () => onFailure(journalLost(path)));
  }

  /**
   * Creates the file if there is none. Cuts off a record that an earlier run was killed while writing.
   * @throws VirnucproError VNP_RESUME when it is another run's, VNP_OUTPUT
   */
  static async open<Found extends FoundEnd>({
    path,
    key,
    scan,
    onFailure,
  }: JournalFileOptions<Found>): Promise<{ readonly journal: JournalFile; readonly found: Found }> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o666);
      const found = await scan(file);
      if (!found.isJournal) throw foreignFile(path);
      await file.truncate(found.end);
      if (found.end === 0) {
        // Twice: without the key, all other records are worthless.
        await file.appendFile(Buffer.concat([keyRecord(key), keyRecord(key)]));
        const created = file;
        await forcedToDisk(() => created.datasync());
        await syncFolder(dirname(path));
      }
      return { journal: new JournalFile(path, file, onFailure), found };
    } catch (error) {
      await file?.close();
      throw error instanceof VirnucproError ? error : journalFailure(path, error);
    }
  }

  /** Takes ownership of the bytes of a whole record. */
  append(record: Uint8Array): void {
    this.#appending.append(record);
  }

  /** To be awaited before more is computed; usually undefined. */
  get room(): Promise<void> | undefined {
    return this.#appending.room;
  }

  /**
   * Reads and checks a record of an earlier run: see `readRecord`.
   * @throws VirnucproError VNP_OUTPUT
   */
  async read(start: number, guess?: number): ReturnType<typeof readRecord> {
    return readRecord(this.#file, start, guess).catch((cause: unknown) => {
      throw journalFailure(this.path, cause);
    });
  }

  /**
   * Resolves when everything is on disk. Removes a journal without batches, since nothing can resume from it.
   * @param earlier batches that it had when it was opened
   */
  async close(earlier: number): Promise<void> {
    this.#watch.end();
    const isLost = await this.#watch.isLost();
    await this.#appending.close();
    if (earlier + this.#appending.written === 0 && !isLost) await rm(this.path, { force: true });
  }
}

/**
 * Looks into a journal without opening it for writing.
 * @returns what `look` finds; undefined when there is no journal
 * @throws VirnucproError what `look` throws; VNP_OUTPUT when it cannot be read
 */
export async function lookInto<T>(path: string, look: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    return await look(file);
  } catch (error) {
    if (error instanceof VirnucproError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw journalFailure(path, error);
  } finally {
    await file?.close();
  }
}

function keyRecord(key: string): Buffer {
  const digest = new Uint8Array(DIGEST_BYTES);
  return encodeRecord({ kind: KEY_RECORD, batch: 0, frames: 0, digest }, Buffer.from(key));
}

/** After a power cut, a file is found only if its folder is on disk too. Not every file system can sync a folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync().catch(() => undefined);
  } finally {
    await folder.close();
  }
}

export function foreignFile(path: string): VirnucproError {
  return new VirnucproError('VNP_OUTPUT', `${path} is not a journal. Move it away, or name another file`);
}

/** The error when a batch was computed from other tokens. @param whence where the batch begins in the input */
export function otherInput(path: string, whence: string): VirnucproError {
  return new VirnucproError(
    'VNP_RESUME',
    `The input from ${whence} on differs from the input that the run in ${path} was begun with. ` +
      'Give it the same input, or begin a new run (with `force: true` in the same directory)',
  );
}

/** The error for a journal that cannot be read or written. */
function journalFailure(path: string, cause: unknown): VirnucproError {
  const advice = `${makingRoom(cause, path) ?? 'Fix that'}, then resume with \`resume: true\``;
  const message = `The journal ${path} cannot be read or written: ${reasonOf(cause)}. ${advice}`;
  return new VirnucproError('VNP_OUTPUT', message, { cause });
}

/** The error for a journal that was removed or replaced while it was in use. */
function journalLost(path: string): VirnucproError {
  const text = `The journal ${path} was removed or replaced while the run was in progress. The run was stopped because it could not be resumed without the journal. Keep clean-ups and other runs away from it, and begin the run again`;
  return new VirnucproError('VNP_OUTPUT_LOST', text);
}
