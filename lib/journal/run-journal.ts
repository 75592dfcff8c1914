import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf, VirnucproError } from '../errors.js';
import type { FrameBatchTokens } from '../engine/addon.js';
import { AppendingFile, NameWatch } from './appending-file.js';
import {
  BATCH_RECORD,
  batchDigest,
  DIGEST_BYTES,
  encodeRecord,
  KEY_RECORD,
  readRecord,
  RecordPlaces,
  scanJournal,
  scanKey,
  TRIAGE_RECORD,
} from './journal-format.js';
import type { Scan } from './journal-format.js';
import { checkSameRun, hasSameDevices, NO_TRIAGE } from './journal-key.js';
import type { RunKey, WantedKey } from './journal-key.js';
import { forcedToDisk, makingRoom } from '../disk.js';

export interface RunJournalOptions {
  readonly path: string;
  readonly key: RunKey;
  /** Called when the journal can no longer be written (VNP_OUTPUT), or was removed or replaced (VNP_OUTPUT_LOST). */
  readonly onFailure: (error: VirnucproError) => void;
}

/** What an earlier run left in a journal. */
export interface JournalContent {
  readonly batches: number;
  readonly frames: number;
  /** Frames that triage has read, not included in `frames`; 0 without triage. */
  readonly framesTriaged: number;
  /** Bytes that belong to no record any more; the results they held are computed again. */
  readonly damagedBytes: number;
  /** Whether it was computed on the same devices as this run, so that not even the last digits can differ. */
  readonly isOfSameDevices: boolean;
}

/**
 * The results of a run, batch by batch, in a file that only grows, so that a resumed run need not compute them again.
 * With triage, each stage has its own batches. The models' batches then depend on triage's decisions as well as on the
 * input, so the input is compared in triage's batches, which have every window.
 */
export class RunJournal {
  readonly path: string;
  /** What the file held when it was opened. */
  readonly content: JournalContent;
  /** Batches of the run's models. */
  readonly models: BatchRecords;
  /** Batches of the triage model; none without triage. */
  readonly triage: BatchRecords;
  readonly #appending: AppendingFile;
  readonly #watch: NameWatch;

  private constructor(
    path: string,
    { batches, triage, damagedBytes, key }: Scan,
    {
      file,
      appending,
      ownKey,
      watch,
    }: { file: FileHandle; appending: AppendingFile; ownKey: RunKey; watch: NameWatch },
  ) {
    this.path = path;
    this.#watch = watch;
    this.#appending = appending;
    const isOfSameDevices = !key || hasSameDevices(key, ownKey);
    this.content = {
      batches: batches.batches + triage.batches,
      frames: batches.frames,
      framesTriaged: triage.frames,
      damagedBytes,
      isOfSameDevices,
    };
    const parts = { path, reading: file, appending };
    const isOfInputAlone = ownKey.triage === NO_TRIAGE;
    this.models = new BatchRecords({ ...parts, kind: BATCH_RECORD, places: batches, isOfInputAlone });
    this.triage = new BatchRecords({ ...parts, kind: TRIAGE_RECORD, places: triage, isOfInputAlone: true });
  }

  /**
   * Creates the file if there is none. Cuts off a record that an earlier run was killed while writing. Starts over a
   * file whose key is lost.
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
      const scan = found.key ? found : { ...emptyScan(), damagedBytes: found.end };
      await file.truncate(scan.end);
      const appending = new AppendingFile(file, (cause) => onFailure(journalFailure(path, cause)));
      if (scan.end === 0) {
        // Twice: without the key, all other records are worthless.
        await file.appendFile(Buffer.concat([keyRecord(key), keyRecord(key)]));
        const created = file;
        await forcedToDisk(() => created.datasync());
        await syncFolder(dirname(path));
      }
      const watch = new NameWatch(path, file, () => onFailure(journalLost(path)));
      return new RunJournal(path, scan, { file, appending, ownKey: key, watch });
    } catch (error) {
      await file?.close();
      throw error instanceof VirnucproError ? error : journalFailure(path, error);
    }
  }

  /** Resolves when everything is on disk. Removes a journal without batches, since nothing can resume from it. */
  async close(): Promise<void> {
    this.#watch.end();
    const isLost = await this.#watch.isLost();
    await this.#appending.close();
    if (this.content.batches + this.#appending.written === 0 && !isLost) await rm(this.path, { force: true });
  }
}

/**
 * Checks, before a model is loaded, whether a run can resume from a journal.
 * @param wanted what is known of the run; missing parts are not compared
 * @returns the key of the run that began it; undefined when there is no journal, or none whose key can be read
 * @throws VirnucproError VNP_RESUME naming everything that differs, VNP_OUTPUT when it cannot be read
 */
export async function checkJournal(path: string, wanted: WantedKey = {}): Promise<RunKey | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { key, isJournal } = await scanKey(file);
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

function emptyScan(): Omit<Scan, 'damagedBytes'> {
  return { key: undefined, batches: new RecordPlaces(), triage: new RecordPlaces(), end: 0, isJournal: true };
}

function keyRecord(key: RunKey): Buffer {
  const digest = new Uint8Array(DIGEST_BYTES);
  return encodeRecord({ kind: KEY_RECORD, batch: 0, frames: 0, digest }, Buffer.from(JSON.stringify(key)));
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

function foreignFile(path: string): VirnucproError {
  return new VirnucproError('VNP_OUTPUT', `${path} is not a journal. Move it away, or name another file`);
}

/** What the journal keeps of a batch. */
export interface JournaledBatch {
  /** [frames, 2]: others, virus. */
  readonly scores: Float32Array;
  /** [frames, width]; absent unless the run keeps embeddings. */
  readonly embeddings?: Float32Array;
}

interface BatchRecordsOptions {
  /** Of the journal. */
  readonly path: string;
  /** BATCH_RECORD or TRIAGE_RECORD. */
  readonly kind: number;
  /** Records of an earlier run. */
  readonly places: RecordPlaces;
  readonly reading: FileHandle;
  readonly appending: AppendingFile;
  /** Whether batches depend on the input alone, so that a batch computed from other tokens means another input. */
  readonly isOfInputAlone: boolean;
}

/**
 * The batches of one stage of a run in its journal. A batch is identified by its number and by all that the models read
 * of it. Runs with the same key and input have the same batches.
 */
export class BatchRecords {
  readonly #options: BatchRecordsOptions;

  constructor(options: BatchRecordsOptions) {
    this.#options = options;
  }

  /** Whether there may be results for this batch; if not, `find` need not be called. */
  has(batch: number): boolean {
    return this.#options.places.startOf(batch) !== undefined;
  }

  /**
   * The results of a batch, bit for bit.
   * @param whence where the batch begins in the input, for the error
   * @returns undefined when there are none or they are damaged; also, unless batches depend on the input alone, when
   *   this batch was computed from other tokens
   * @throws VirnucproError VNP_RESUME when this batch was computed from other tokens, so that the input differs;
   *   VNP_OUTPUT when the journal cannot be read
   */
  async find(batch: number, tokens: FrameBatchTokens, whence: string): Promise<JournaledBatch | undefined> {
    const { path, places, reading, isOfInputAlone } = this.#options;
    const start = places.startOf(batch);
    if (start === undefined) return undefined;
    const frames = tokens.dna.offsets.length - 1;
    const record = await readRecord(reading, start, 2 * frames * Float32Array.BYTES_PER_ELEMENT).catch(
      (cause: unknown) => {
        throw journalFailure(path, cause);
      },
    );
    if (!record) return undefined;
    if (!Buffer.from(record.head.digest).equals(batchDigest(tokens))) {
      if (!isOfInputAlone) return undefined;
      throw new VirnucproError(
        'VNP_RESUME',
        `The input from ${whence} on differs from the input that the run in ${path} was begun with. ` +
          'Give it the same input, or begin a new run (with `force: true` in the same directory)',
      );
    }
    return record.head.frames === frames ? decodeBatch(frames, record.payload) : undefined;
  }

  /** Adds the results of a batch. They are copied. */
  add(batch: number, tokens: FrameBatchTokens, { scores, embeddings }: JournaledBatch): void {
    const { kind, appending } = this.#options;
    const payload = Buffer.concat([scores, ...(embeddings ? [embeddings] : [])].map(bytesOf));
    const frames = scores.length / 2;
    appending.append(encodeRecord({ kind, batch, frames, digest: batchDigest(tokens) }, payload));
  }

  /** To be awaited before more is computed; usually undefined. */
  get room(): Promise<void> | undefined {
    return this.#options.appending.room;
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function decodeBatch(frames: number, payload: Buffer): JournaledBatch {
  // Copied, because a Float32Array must begin at a multiple of four bytes.
  const values = new Float32Array(Uint8Array.from(payload).buffer);
  const scores = values.slice(0, 2 * frames);
  return values.length === scores.length ? { scores } : { scores, embeddings: values.slice(2 * frames) };
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
