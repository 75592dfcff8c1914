import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expected, VirnucproError } from '../errors.js';
import { forcedToDisk } from '../disk.js';
import { AppendingFile } from './appending-file.js';
import { BatchRecords } from './batch-records.js';
import { journalFailure, journalLost } from './journal-failure.js';
import { NameWatch } from './name-watch.js';
import { BATCH_RECORD, DIGEST_BYTES, encodeRecord, KEY_RECORD, TRIAGE_RECORD } from './record.js';
import { checkSameRun, hasSameDevices, NO_TRIAGE } from './run-key.js';
import type { RunKey } from './run-key.js';
import { RecordPlaces } from './record-places.js';
import { scanJournal, scanKey } from './scan.js';
import type { Scan } from './scan.js';

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
