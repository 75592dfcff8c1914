import { VirnucproError } from '../errors.js';
import type { FrameBatchTokens } from '../engine/addon.js';
import {
  BATCH_RECORD,
  batchDigest,
  bytesOf,
  encodeRecord,
  RecordPlaces,
  scanJournal,
  scanKey,
  TRIAGE_RECORD,
} from './journal-format.js';
import type { Scan } from './journal-format.js';
import { foreignFile, JournalFile, lookInto, otherInput } from './journal-file.js';
import { checkSameRun, hasSameDevices, NO_TRIAGE } from './journal-key.js';
import type { RunKey, WantedKey } from './journal-key.js';

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
  readonly #journal: JournalFile;

  private constructor(journal: JournalFile, { batches, triage, damagedBytes, key }: Scan, ownKey: RunKey) {
    this.path = journal.path;
    this.#journal = journal;
    this.content = {
      batches: batches.batches + triage.batches,
      frames: batches.frames,
      framesTriaged: triage.frames,
      damagedBytes,
      isOfSameDevices: !key || hasSameDevices(key, ownKey),
    };
    const isOfInputAlone = ownKey.triage === NO_TRIAGE;
    this.models = new BatchRecords({ journal, kind: BATCH_RECORD, places: batches, isOfInputAlone });
    this.triage = new BatchRecords({ journal, kind: TRIAGE_RECORD, places: triage, isOfInputAlone: true });
  }

  /**
   * Creates the file if there is none. Cuts off a record that an earlier run was killed while writing. Starts over a
   * file whose key is lost.
   *
   * @throws VirnucproError VNP_RESUME when it is another run's, VNP_OUTPUT
   */
  static async open({ path, key, onFailure }: RunJournalOptions): Promise<RunJournal> {
    const { journal, found } = await JournalFile.open<Scan>({
      path,
      key: JSON.stringify(key),
      onFailure,
      scan: async (file) => {
        const scan = await scanJournal(file);
        if (!scan.key) return { ...emptyScan(), damagedBytes: scan.end, isJournal: scan.isJournal };
        checkSameRun(path, scan.key, key);
        return scan;
      },
    });
    return new RunJournal(journal, found, key);
  }

  /** Resolves when everything is on disk. Removes a journal without batches, since nothing can resume from it. */
  async close(): Promise<void> {
    await this.#journal.close(this.content.batches);
  }
}

/**
 * Checks, before a model is loaded, whether a run can resume from a journal.
 * @param wanted what is known of the run; missing parts are not compared
 * @returns the key of the run that began it; undefined when there is no journal, or none whose key can be read
 * @throws VirnucproError VNP_RESUME naming everything that differs, VNP_OUTPUT when it cannot be read
 */
export async function checkJournal(path: string, wanted: WantedKey = {}): Promise<RunKey | undefined> {
  return lookInto(path, async (file) => {
    const { key, isJournal } = await scanKey(file);
    if (!isJournal) throw foreignFile(path);
    if (key) checkSameRun(path, key, wanted);
    return key;
  });
}

function emptyScan(): Omit<Scan, 'damagedBytes' | 'isJournal'> {
  return { key: undefined, batches: new RecordPlaces(), triage: new RecordPlaces(), end: 0 };
}

/** What the journal keeps of a batch. */
export interface JournaledBatch {
  /** [frames, 2]: others, virus. */
  readonly scores: Float32Array;
  /** [frames, width]; absent unless the run keeps embeddings. */
  readonly embeddings?: Float32Array;
}

interface BatchRecordsOptions {
  readonly journal: JournalFile;
  /** BATCH_RECORD or TRIAGE_RECORD. */
  readonly kind: number;
  /** Records of an earlier run. */
  readonly places: RecordPlaces;
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
    const { journal, places, isOfInputAlone } = this.#options;
    const start = places.startOf(batch);
    if (start === undefined) return undefined;
    const frames = tokens.dna.offsets.length - 1;
    const record = await journal.read(start, 2 * frames * Float32Array.BYTES_PER_ELEMENT);
    if (!record) return undefined;
    if (!Buffer.from(record.head.digest).equals(batchDigest([tokens.dna, tokens.protein]))) {
      if (!isOfInputAlone) return undefined;
      throw otherInput(journal.path, whence);
    }
    return record.head.frames === frames ? decodeBatch(frames, record.payload) : undefined;
  }

  /** Adds the results of a batch. They are copied. */
  add(batch: number, tokens: FrameBatchTokens, { scores, embeddings }: JournaledBatch): void {
    const { kind, journal } = this.#options;
    const payload = Buffer.concat([scores, ...(embeddings ? [embeddings] : [])].map(bytesOf));
    const frames = scores.length / 2;
    const digest = batchDigest([tokens.dna, tokens.protein]);
    journal.append(encodeRecord({ kind, batch, frames, digest }, payload));
  }

  /** To be awaited before more is computed; usually undefined. */
  get room(): Promise<void> | undefined {
    return this.#options.journal.room;
  }
}

function decodeBatch(frames: number, payload: Buffer): JournaledBatch {
  // Copied, because a Float32Array must begin at a multiple of four bytes.
  const values = new Float32Array(Uint8Array.from(payload).buffer);
  const scores = values.slice(0, 2 * frames);
  return values.length === scores.length ? { scores } : { scores, embeddings: values.slice(2 * frames) };
}
