import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expected, reasonOf, VirnucproError } from '../errors.js';
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
import type { RunKey } from './journal-key.js';
import { forcedToDisk, makingRoom } from '../disk.js';

export interface RunJournalOptions {
  readonly path: string;
  readonly key: RunKey;
  /** Told when nothing can be written any more (VNP_OUTPUT), or nobody will find it (VNP_OUTPUT_LOST). */
  readonly onFailure: (error: VirnucproError) => void;
}

/** What an earlier run has left in a journal. */
export interface JournalContent {
  readonly batches: number;
  readonly frames: number;
  /** Frames that triage has read, which are not among `frames`; 0 in a run without triage. */
  readonly framesTriaged: number;
  /** Bytes that hold no record any more: what they told is computed again. */
  readonly damagedBytes: number;
  /** Whether it was computed on the devices of this run, so that not even the last digits can differ. */
  readonly isOfSameDevices: boolean;
}

/**
 * The results of a run, batch by batch, in a file that only grows: what is in it need not be computed again. In a run with
 * triage both stages have their own batches. Those of the models then depend on what triage decided as well as on the
 * input, which is looked at in triage's batches: they have every window.
 */
export class RunJournal {
  readonly path: string;
  /** What was there when it was opened. */
  readonly content: JournalContent;
  /** The batches of the models that the run is for. */
  readonly models: BatchRecords;
  /** Those of the model that reads before them; none in a run without triage. */
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
      ...{ damagedBytes, isOfSameDevices },
    };
    const parts = { path, reading: file, appending };
    const isOfInputAlone = ownKey.triage === NO_TRIAGE;
    this.models = new BatchRecords({ ...parts, kind: BATCH_RECORD, places: batches, isOfInputAlone });
    this.triage = new BatchRecords({ ...parts, kind: TRIAGE_RECORD, places: triage, isOfInputAlone: true });
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
      const scan = found.key ? found : { ...emptyScan(), damagedBytes: found.end };
      await file.truncate(scan.end);
      const appending = new AppendingFile(file, (cause) => onFailure(journalFailure(path, cause)));
      if (scan.end === 0) {
        // Twice: without it all the others are worth nothing.
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

  /** Everything is on the disk then; a journal that nothing can be gone on from is removed. */
  async close(): Promise<void> {
    this.#watch.end();
    const isLost = await this.#watch.isLost();
    await this.#appending.close();
    if (this.content.batches + this.#appending.written === 0 && !isLost) await rm(this.path, { force: true });
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

/** What is kept of a batch. */
export interface JournaledBatch {
  /** [frames, 2]: others, virus. */
  readonly scores: Float32Array;
  /** [frames, width]; absent unless the run keeps them. */
  readonly embeddings?: Float32Array;
}

interface BatchRecordsOptions {
  /** Of the journal. */
  readonly path: string;
  /** BATCH_RECORD or TRIAGE_RECORD. */
  readonly kind: number;
  /** What an earlier run has left. */
  readonly places: RecordPlaces;
  readonly reading: FileHandle;
  readonly appending: AppendingFile;
  /** Whether a batch that was computed from something else means that the input is another one. */
  readonly isOfInputAlone: boolean;
}

/**
 * The batches of one stage of a run in its journal. A batch is known by its number and by all that the models read of it;
 * the batches of a run are the same each time, as long as its key and its input are.
 */
export class BatchRecords {
  readonly #options: BatchRecordsOptions;

  constructor(options: BatchRecordsOptions) {
    this.#options = options;
  }

  /** Whether there may be something for this batch; only then `find` is worth its while. */
  has(batch: number): boolean {
    return this.#options.places.startOf(batch) !== undefined;
  }

  /**
   * The results of a batch, in the numbers' own bits.
   * @param whence where the batch begins in the input, for the error
   * @returns undefined when there are none, or when they are damaged; where batches do not depend on the input alone, also
   *   when this batch was computed from something else
   * @throws VirnucproError VNP_RESUME when this batch was computed from something else, so that the input is another one
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
      throw expected(
        'VNP_RESUME',
        `the input that the run in ${path} was begun with`,
        `what follows ${whence}`,
        'other sequences',
        'Give it the same input, or begin a new run (with --force in the same directory)',
      );
    }
    return record.head.frames === frames ? decodeBatch(frames, record.payload) : undefined;
  }

  /** Enters the results of a batch. They are copied. */
  add(batch: number, tokens: FrameBatchTokens, { scores, embeddings }: JournaledBatch): void {
    const { kind, appending } = this.#options;
    const payload = Buffer.concat([scores, ...(embeddings ? [embeddings] : [])].map(bytesOf));
    const frames = scores.length / 2;
    appending.append(encodeRecord({ kind, batch, frames, digest: batchDigest(tokens) }, payload));
  }

  /** To be awaited before more is computed; mostly there is nothing to wait for. */
  get room(): Promise<void> | undefined {
    return this.#options.appending.room;
  }
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

/** What a journal that cannot be read or written comes to. */
function journalFailure(path: string, cause: unknown): VirnucproError {
  const advice = `${makingRoom(cause, path) ?? 'Mend that'}, then go on with --resume`;
  const error = expected('VNP_OUTPUT', 'a journal that can be read and written', path, reasonOf(cause), advice);
  error.cause = cause;
  return error;
}

/** What it comes to that a journal was removed or replaced while it was written to. */
function journalLost(path: string): VirnucproError {
  const text = `The journal ${path} was removed or replaced while the run went on. The run was stopped: what it computes could not be gone on from. Keep clean-ups and other runs away from it, and begin the run again`;
  return new VirnucproError('VNP_OUTPUT_LOST', text);
}
