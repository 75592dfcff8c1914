import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FrameBatchTokens } from '../engine/addon.js';
import { expected, reasonOf, VirnucproError } from '../errors.js';
import { AppendingFile } from './appending-file.js';
import { batchDigest } from './batch-digest.js';
import { BATCH_RECORD, DIGEST_BYTES, encodeRecord, KEY_RECORD } from './record.js';
import { checkSameRun, hasSameDevices } from './run-key.js';
import type { RunKey } from './run-key.js';
import { readPayload, scanJournal } from './scan.js';
import type { RecordPlace, Scan } from './scan.js';

/** What is kept of a batch that went well. */
export interface JournaledBatch {
  /** [frames, 2]: others, virus. */
  readonly scores: Float32Array;
  /** [frames, width]; absent unless the run keeps them. */
  readonly embeddings?: Float32Array;
}

export interface RunJournalOptions {
  readonly path: string;
  readonly key: RunKey;
  /** Told when nothing can be written any more (VNP_OUTPUT). */
  readonly onFailure: (error: VirnucproError) => void;
}

/** What an earlier run has left in a journal. */
export interface JournalContent {
  readonly batches: number;
  readonly frames: number;
  /** Bytes that hold no record any more: what they told is computed again. */
  readonly damagedBytes: number;
  /** Whether it was computed on the devices of this run, so that not even the last digits can differ. */
  readonly isOfSameDevices: boolean;
}

/**
 * The results of a run, batch by batch, in a file that only grows: what is in it need not be computed again. A batch is
 * known by its number and by all that the models read of it; the batches of a run are the same each time, as long as its
 * key and its input are.
 */
export class RunJournal {
  readonly path: string;
  /** What was there when it was opened. */
  readonly content: JournalContent;
  readonly #places: Map<number, RecordPlace>;
  readonly #reading: FileHandle;
  readonly #appending: AppendingFile;

  private constructor(
    path: string,
    { batches, damagedBytes, key }: Scan,
    { file, appending, ownKey }: { file: FileHandle; appending: AppendingFile; ownKey: RunKey },
  ) {
    this.path = path;
    this.#places = batches;
    this.#reading = file;
    this.#appending = appending;
    let frames = 0;
    for (const place of batches.values()) frames += place.frames;
    const isOfSameDevices = !key || hasSameDevices(key, ownKey);
    this.content = { batches: batches.size, frames, damagedBytes, isOfSameDevices };
  }

  /**
   * Makes the file where there is none. What an earlier run was killed in the middle of writing is cut off; a file of
   * which the key is lost is begun anew.
   *
   * @throws VirnucproError VNP_RESUME when it is another run's, VNP_OUTPUT
   */
  static async open({ path, key, onFailure }: RunJournalOptions): Promise<RunJournal> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o666);
      const found = await scanJournal(file);
      if (!found.isJournal) throw foreignFile(path);
      if (found.key) checkSameRun(path, found.key, key);
      const scan = found.key ? found : { ...EMPTY, damagedBytes: found.end };
      await file.truncate(scan.end);
      const appending = new AppendingFile(file, (cause) => onFailure(journalFailure(path, cause)));
      if (scan.end === 0) {
        // Twice: without it all the others are worth nothing.
        await file.appendFile(Buffer.concat([keyRecord(key), keyRecord(key)]));
        await file.datasync();
        await syncFolder(dirname(path));
      }
      return new RunJournal(path, scan, { file, appending, ownKey: key });
    } catch (error) {
      await file?.close();
      throw error instanceof VirnucproError ? error : journalFailure(path, error);
    }
  }

  /** Whether there may be something for this batch; only then `find` is worth its while. */
  has(batch: number): boolean {
    return this.#places.has(batch);
  }

  /**
   * The results of a batch, in the numbers' own bits.
   * @param whence where the batch begins in the input, for the error
   * @returns undefined when there are none, or when they are damaged
   * @throws VirnucproError VNP_RESUME when this batch was computed from something else
   */
  async find(batch: number, tokens: FrameBatchTokens, whence: string): Promise<JournaledBatch | undefined> {
    const place = this.#places.get(batch);
    if (!place) return undefined;
    if (!Buffer.from(place.digest).equals(batchDigest(tokens))) {
      throw expected(
        'VNP_RESUME',
        `the input that the run in ${this.path} was begun with`,
        `what follows ${whence}`,
        'other sequences',
        'Give it the same input, or begin a new run (with --force in the same directory)',
      );
    }
    const payload = await readPayload(this.#reading, place).catch((cause: unknown) => {
      throw journalFailure(this.path, cause);
    });
    return payload && place.frames === tokens.dna.offsets.length - 1 ? decodeBatch(place.frames, payload) : undefined;
  }

  /** Enters the results of a batch. They are copied. */
  add(batch: number, tokens: FrameBatchTokens, { scores, embeddings }: JournaledBatch): void {
    const payload = Buffer.concat([scores, ...(embeddings ? [embeddings] : [])].map(bytesOf));
    const frames = scores.length / 2;
    this.#appending.append(encodeRecord({ kind: BATCH_RECORD, batch, frames, digest: batchDigest(tokens) }, payload));
  }

  /** To be awaited before more is computed; mostly there is nothing to wait for. */
  get room(): Promise<void> | undefined {
    return this.#appending.room;
  }

  /** Everything is on the disk then; a journal that nothing can be gone on from is removed. */
  async close(): Promise<void> {
    await this.#appending.close();
    if (this.content.batches + this.#appending.written === 0) await rm(this.path, { force: true });
  }
}

/**
 * Looks, before a model is loaded, whether a run can go on from a journal.
 * @param wanted what is known of the run; what is left out may be anything
 * @returns what it was begun with; undefined when there is no journal, or none whose key can be read
 * @throws VirnucproError VNP_RESUME naming everything that differs, VNP_OUTPUT when it cannot be read
 */
export async function checkJournal(path: string, wanted: Partial<RunKey> = {}): Promise<RunKey | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { key, isJournal } = await scanJournal(file);
    if (!isJournal) throw foreignFile(path);
    if (key) checkSameRun(path, key, wanted);
    return key;
  } catch (error) {
    if (error instanceof VirnucproError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw journalFailure(path, error);
  } finally {
    await file?.close();
  }
}

const EMPTY = { batches: new Map<number, RecordPlace>(), end: 0, key: undefined, isJournal: true };

function keyRecord(key: RunKey): Buffer {
  const digest = new Uint8Array(DIGEST_BYTES);
  return encodeRecord({ kind: KEY_RECORD, batch: 0, frames: 0, digest }, Buffer.from(JSON.stringify(key)));
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function decodeBatch(frames: number, payload: Buffer): JournaledBatch {
  // A copy of its own: a view of floats has to begin at a multiple of four.
  const values = new Float32Array(Uint8Array.from(payload).buffer);
  const scores = values.slice(0, 2 * frames);
  return values.length === scores.length ? { scores } : { scores, embeddings: values.slice(2 * frames) };
}

/** A file is found after a power cut only when its folder is on the disk too. Not every file system can do that. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync().catch(() => undefined);
  } finally {
    await folder.close();
  }
}

function foreignFile(path: string): VirnucproError {
  return expected(
    'VNP_OUTPUT',
    'a journal or no file',
    path,
    'a file of another kind',
    'Move it away, or name another',
  );
}

function journalFailure(path: string, cause: unknown): VirnucproError {
  const isFull = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
  const advice = `${isFull ? 'Free some space' : 'Mend that'}, then go on with --resume`;
  const error = expected('VNP_OUTPUT', 'a journal that can be read and written', path, reasonOf(cause), advice);
  error.cause = cause;
  return error;
}
