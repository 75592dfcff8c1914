import type { FileHandle } from 'node:fs/promises';
import type { FrameBatchTokens } from '../engine/addon.js';
import { expected } from '../errors.js';
import type { AppendingFile } from './appending-file.js';
import { batchDigest } from './batch-digest.js';
import { journalFailure } from './journal-failure.js';
import { encodeRecord } from './record.js';
import type { RecordPlaces } from './record-places.js';
import { readRecord } from './scan.js';

/** What is kept of a batch. */
export interface JournaledBatch {
  /** [frames, 2]: others, virus. */
  readonly scores: Float32Array;
  /** [frames, width]; absent unless the run keeps them. */
  readonly embeddings?: Float32Array;
}

export interface BatchRecordsOptions {
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
