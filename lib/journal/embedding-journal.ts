import type { FileHandle } from 'node:fs/promises';
import type { PackedTokens } from '../batches/tokens.js';
import type { Pool } from '../engine/addon.js';
import { VirnucproError } from '../errors.js';
import { foreignFile, JournalFile, lookInto } from './journal-file.js';
import {
  batchDigest,
  bytesOf,
  encodeRecord,
  KEY_RECORD,
  readKeyText,
  RecordPlaces,
  STATES_RECORD,
  walkRecords,
} from './journal-format.js';
import type { Scan } from './journal-format.js';

export const EMBEDDING_JOURNAL_FORMAT = 1;

/** Everything that the states of a batch depend on except the input, which is compared batch by batch. */
export interface EmbeddingKey {
  /** EMBEDDING_JOURNAL_FORMAT; tells the journal from that of a prediction. */
  readonly embeddings: number;
  readonly virnucpro: string;
  readonly libtorch: string;
  readonly part: 'dna' | 'protein';
  /** SHA-256 of the archive. */
  readonly archive: string;
  readonly layers: readonly number[];
  readonly width: number;
  readonly pool: Pool;
  readonly longSequences: string;
  /** Tokens that the model reads at once. */
  readonly maxLength: number;
  readonly precision: string;
  /** Maximum tokens of a batch. */
  readonly batchTokens: number;
  /**
   * Names of the devices, with their threads: each once, sorted. Other devices may change the last digits, which does
   * not prevent a resume.
   */
  readonly devices: readonly string[];
}

/** What a journal's key must be; what is missing or undefined may be anything. */
export type WantedEmbeddingKey = { readonly [Part in keyof EmbeddingKey]?: EmbeddingKey[Part] | undefined };

/** What messages call each part of a key. */
const NAMES: Readonly<Record<Exclude<keyof EmbeddingKey, 'devices'>, string>> = {
  embeddings: 'version of the journal',
  virnucpro: 'version of virnucpro',
  libtorch: 'version of libtorch',
  part: 'part',
  archive: 'model',
  layers: 'layers',
  width: 'width',
  pool: 'pool',
  longSequences: 'treatment of long sequences',
  maxLength: 'maximum length',
  precision: 'precision',
  batchTokens: 'batch tokens',
};

/** @throws VirnucproError VNP_RESUME naming everything that differs */
function checkSameKey(path: string, begun: EmbeddingKey, wanted: WantedEmbeddingKey): void {
  const names = Object.keys(NAMES) as (keyof typeof NAMES)[];
  const compared = begun.embeddings === EMBEDDING_JOURNAL_FORMAT ? names : (['embeddings'] as const);
  const different = compared.filter((name) => wanted[name] !== undefined && text(wanted[name]) !== text(begun[name]));
  if (different.length === 0) return;
  const list = (key: WantedEmbeddingKey): string =>
    different.map((name) => `${NAMES[name]} ${text(key[name])}`).join(', ');
  throw new VirnucproError(
    'VNP_RESUME',
    `The run in ${path} was begun with ${list(begun)}, and this one has ${list(wanted)}. ` +
      'Use the same settings again, or begin a new run: the results so far are then lost',
  );
}

/** Shortens a hash to as much as a reader compares. */
function text(value: unknown): string {
  if (Array.isArray(value)) return value.join(' and ');
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : String(value);
}

interface EmbeddingScan extends Pick<Scan, 'end' | 'damagedBytes' | 'isJournal'> {
  /** Undefined when both copies of it are damaged, or there is none. */
  readonly key: EmbeddingKey | undefined;
  /** Batches; their payloads are not checked yet. */
  readonly places: RecordPlaces;
}

/** @param keyAlone whether to end with the key, without `places` */
async function scan(file: FileHandle, { keyAlone = false } = {}): Promise<EmbeddingScan> {
  const places = new RecordPlaces();
  let key: EmbeddingKey | undefined;
  let isOther = false;
  const walked = await walkRecords(file, (record) => {
    if (record.kind === STATES_RECORD) places.set(record.batch, record.start, record.frames);
    if (record.kind !== KEY_RECORD || key) return undefined;
    return readKeyText(file, record).then((found) => {
      key = found === undefined ? undefined : parseKey(found);
      isOther ||= found !== undefined && key === undefined;
      return isOther || (keyAlone && key !== undefined);
    });
  });
  return { ...walked, key, places, isJournal: walked.isJournal && !isOther };
}

function parseKey(json: string): EmbeddingKey | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && typeof (value as EmbeddingKey).embeddings === 'number'
      ? (value as EmbeddingKey)
      : undefined;
  } catch {
    return undefined;
  }
}

export interface EmbeddingJournalOptions {
  readonly path: string;
  readonly key: EmbeddingKey;
  /** Called when the journal can no longer be written (VNP_OUTPUT), or was removed or replaced (VNP_OUTPUT_LOST). */
  readonly onFailure: (error: VirnucproError) => void;
  /** Called once, with a batch's number, when it was computed from other tokens: the input differs from there on. */
  readonly onOtherInput?: (batch: number) => void;
}

/** What an earlier run left in a journal of embeddings. */
export interface EmbeddingJournalContent {
  readonly batches: number;
  readonly sequences: number;
  /** Bytes that belong to no record any more; what they held is computed again. */
  readonly damagedBytes: number;
  /** Whether it was computed on the same devices as this run, so that not even the last digits can differ. */
  readonly isOfSameDevices: boolean;
}

/** The states of one batch: for each pool one array for each layer. */
export type JournaledStates = { [Name in Pool]?: Float32Array[] };

/** The pools of a batch's payload are the bits of its first number; then come their states. */
const POOLS: readonly Pool[] = ['mean', 'cls', 'max', 'tokens'];

/** The states of a run's batches in a file that only grows, so that a resumed run need not compute them again. */
export class EmbeddingJournal {
  /** What the file held when it was opened. */
  readonly content: EmbeddingJournalContent;
  readonly #journal: JournalFile;
  readonly #places: RecordPlaces;
  readonly #layers: number;
  readonly #width: number;
  #onOtherInput: ((batch: number) => void) | undefined;
  #isClosed = false;

  private constructor(
    journal: JournalFile,
    { key, places, damagedBytes }: EmbeddingScan,
    { key: own, onOtherInput }: EmbeddingJournalOptions,
  ) {
    this.#journal = journal;
    this.#places = places;
    this.#layers = own.layers.length;
    this.#width = own.width;
    this.#onOtherInput = onOtherInput;
    this.content = {
      batches: places.batches,
      sequences: places.frames,
      damagedBytes,
      isOfSameDevices: !key || JSON.stringify(key.devices) === JSON.stringify(own.devices),
    };
  }

  /**
   * Creates the file if there is none. Starts over a file whose key is lost.
   * @throws VirnucproError VNP_RESUME when it is another run's, VNP_OUTPUT
   */
  static async open(options: EmbeddingJournalOptions): Promise<EmbeddingJournal> {
    const { path, key, onFailure } = options;
    const { journal, found } = await JournalFile.open<EmbeddingScan>({
      path,
      key: JSON.stringify(key),
      onFailure,
      scan: async (file) => {
        const scanned = await scan(file);
        if (!scanned.key) return { ...scanned, places: new RecordPlaces(), end: 0, damagedBytes: scanned.end };
        checkSameKey(path, scanned.key, key);
        return scanned;
      },
    });
    return new EmbeddingJournal(journal, found, options);
  }

  /** Whether there may be states for this batch; if not, `find` need not be called. */
  has(batch: number): boolean {
    return this.#places.startOf(batch) !== undefined;
  }

  /**
   * The states of a batch, bit for bit.
   * @returns undefined when there are none, they are damaged, or they were computed from other tokens
   * @throws VirnucproError VNP_OUTPUT when the journal cannot be read
   */
  async find(batch: number, tokens: PackedTokens): Promise<JournaledStates | undefined> {
    const start = this.#places.startOf(batch);
    if (start === undefined) return undefined;
    const sequences = tokens.offsets.length - 1;
    const record = await this.#journal.read(start, 4 + 4 * sequences * this.#width * this.#layers);
    if (!record) return undefined;
    if (Buffer.from(record.head.digest).equals(batchDigest([tokens]))) return this.#decoded(record.payload, tokens);
    this.#onOtherInput?.(batch);
    this.#onOtherInput = undefined;
    return undefined;
  }

  #decoded(payload: Buffer, tokens: PackedTokens): JournaledStates | undefined {
    // Copied, because a Float32Array must begin at a multiple of four bytes.
    const values = new Float32Array(Uint8Array.from(payload).buffer, 4);
    const bits = payload.readUInt32LE();
    const states: JournaledStates = {};
    let first = 0;
    for (const pool of POOLS.filter((_, bit) => bits & (1 << bit))) {
      const size = this.#width * (pool === 'tokens' ? tokens.tokens.length : tokens.offsets.length - 1);
      states[pool] = Array.from({ length: this.#layers }, () => values.subarray(first, (first += size)));
    }
    return first === values.length ? states : undefined;
  }

  /** Adds the states of a batch. They are copied. Does nothing after `close`. */
  add(batch: number, tokens: PackedTokens, states: JournaledStates): void {
    if (this.#isClosed) return;
    const pools = POOLS.filter((pool) => states[pool] !== undefined);
    const bits = Buffer.alloc(4);
    bits.writeUInt32LE(pools.reduce((sum, pool) => sum | (1 << POOLS.indexOf(pool)), 0));
    const payload = Buffer.concat([bits, ...pools.flatMap((pool) => states[pool] ?? []).map(bytesOf)]);
    const frames = tokens.offsets.length - 1;
    this.#journal.append(encodeRecord({ kind: STATES_RECORD, batch, frames, digest: batchDigest([tokens]) }, payload));
  }

  /** To be awaited before more is computed; usually undefined. */
  get room(): Promise<void> | undefined {
    return this.#journal.room;
  }

  /** Resolves when everything is on disk. Removes a journal without batches, since nothing can resume from it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#journal.close(this.content.batches);
  }
}

/**
 * Checks, before a model is loaded, whether a run can resume from a journal.
 * @param wanted what is known of the run; missing parts are not compared
 * @returns the key of the run that began it; undefined when there is no journal, or none whose key can be read
 * @throws VirnucproError VNP_RESUME naming everything that differs, VNP_OUTPUT when it cannot be read
 */
export async function checkEmbeddingJournal(
  path: string,
  wanted: WantedEmbeddingKey = {},
): Promise<EmbeddingKey | undefined> {
  return lookInto(path, async (file) => {
    const { key, isJournal } = await scan(file, { keyAlone: true });
    if (!isJournal) throw foreignFile(path);
    if (key) checkSameKey(path, key, wanted);
    return key;
  });
}
