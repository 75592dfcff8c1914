import zlib from 'node:zlib';
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { PackedTokens } from '../batches/tokens.js';
import { parseKey } from './journal-key.js';
import type { RunKey } from './journal-key.js';

/**
 * A record of the journal: MARK, kind, batch number, frames, payload bytes, 16 bytes of digest, CRC-32 of the payload,
 * CRC-32 of the 44 bytes before; then the payload. All numbers are 32 bits, little-endian. The two checksums are
 * separate, so that a reader can go from head to head without reading the payloads.
 */
export const HEAD_BYTES = 48;
export const DIGEST_BYTES = 16;

/** Like a PNG's signature: a non-ASCII byte, a name, both line ends. Tools that change text or bytes break it. */
export const MARK = Buffer.from([0x89, 0x56, 0x4e, 0x50, 0x4a, 0x0d, 0x0a, 0x1a]);

/** Kinds of records: the run key, and the results of one batch, of the models or of triage before them. */
export const KEY_RECORD = 1;
export const BATCH_RECORD = 2;
export const TRIAGE_RECORD = 3;
/** The states of the sequences of one batch, in a journal of embeddings. */
export const STATES_RECORD = 4;

/** More than any batch makes; a record that claims to be longer is damaged. */
const MAX_PAYLOAD = 2 ** 31 - 1;

export interface RecordHead {
  readonly kind: number;
  /** Number of the batch in its stage of the run, from 0; 0 for the key. */
  readonly batch: number;
  readonly frames: number;
  readonly payloadBytes: number;
  /** See `batchDigest`; DIGEST_BYTES long, zeros for the key. In a decoded head, a view of its bytes. */
  readonly digest: Uint8Array;
  readonly payloadSum: number;
}

/** Returns the head followed by the payload. */
export function encodeRecord(
  { kind, batch, frames, digest }: Omit<RecordHead, 'payloadBytes' | 'payloadSum'>,
  payload: Uint8Array,
): Buffer {
  const record = Buffer.alloc(HEAD_BYTES + payload.length);
  MARK.copy(record);
  record.writeUInt32LE(kind, 8);
  record.writeUInt32LE(batch, 12);
  record.writeUInt32LE(frames, 16);
  record.writeUInt32LE(payload.length, 20);
  record.set(digest, 24);
  record.writeUInt32LE(zlib.crc32(payload), 40);
  record.writeUInt32LE(zlib.crc32(record.subarray(0, 44)), 44);
  record.set(payload, HEAD_BYTES);
  return record;
}

/** @returns undefined when these HEAD_BYTES are not a sound head */
export function decodeHead(bytes: Buffer): RecordHead | undefined {
  if (!bytes.subarray(0, MARK.length).equals(MARK) || bytes.readUInt32LE(44) !== zlib.crc32(bytes.subarray(0, 44))) {
    return undefined;
  }
  const payloadBytes = bytes.readUInt32LE(20);
  if (payloadBytes > MAX_PAYLOAD) return undefined;
  return {
    kind: bytes.readUInt32LE(8),
    batch: bytes.readUInt32LE(12),
    frames: bytes.readUInt32LE(16),
    payloadBytes,
    digest: new Uint8Array(bytes.buffer, bytes.byteOffset + 24, DIGEST_BYTES),
    payloadSum: bytes.readUInt32LE(40),
  };
}

export function isSoundPayload({ payloadSum }: RecordHead, payload: Uint8Array): boolean {
  return zlib.crc32(payload) === payloadSum;
}

/** Identifies a batch by all that the models read: the start of a SHA-256 over its tokens and sequence offsets. */
export function batchDigest(parts: readonly PackedTokens[]): Uint8Array {
  const hash = createHash('sha256');
  // The offsets come first: they say how many tokens follow.
  for (const { tokens, offsets } of parts) hash.update(bytesOf(offsets)).update(bytesOf(tokens));
  return hash.digest().subarray(0, DIGEST_BYTES);
}

/** The memory of the numbers, not a copy. */
export function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Batches per page. Batch numbers are consecutive, so nearly all pages are full. */
const PAGE = 512;

interface Page {
  /** Where a batch's record begins, plus 1; 0 where there is none. */
  readonly starts: Float64Array;
  readonly frames: Uint32Array;
}

/**
 * Where the batches of a journal are, by number. Only 12 bytes a batch, because a long run has millions; everything
 * else is read again from the record when needed.
 */
export class RecordPlaces {
  readonly #pages = new Map<number, Page>();
  #batches = 0;
  #frames = 0;

  /** If a batch has several records, the last counts. */
  set(batch: number, start: number, frames: number): void {
    const page = this.#pages.get(Math.floor(batch / PAGE)) ?? this.#newPage(Math.floor(batch / PAGE));
    const index = batch % PAGE;
    if (page.starts[index] === 0) this.#batches++;
    this.#frames += frames - page.frames[index]!;
    page.starts[index] = start + 1;
    page.frames[index] = frames;
  }

  /** @returns undefined when the batch has no record */
  startOf(batch: number): number | undefined {
    const start = this.#pages.get(Math.floor(batch / PAGE))?.starts[batch % PAGE] ?? 0;
    return start === 0 ? undefined : start - 1;
  }

  get batches(): number {
    return this.#batches;
  }

  /** Of all batches together. */
  get frames(): number {
    return this.#frames;
  }

  #newPage(number: number): Page {
    const page = { starts: new Float64Array(PAGE), frames: new Uint32Array(PAGE) };
    this.#pages.set(number, page);
    return page;
  }
}

/** A record in the file: its head, and where it begins. */
export interface FoundRecord extends RecordHead {
  readonly start: number;
}

export interface Scan {
  /** Undefined when both copies of it are damaged, or there is none. */
  readonly key: RunKey | undefined;
  /** Batches of the models; their payloads are not checked yet. */
  readonly batches: RecordPlaces;
  /** The same for triage. */
  readonly triage: RecordPlaces;
  /** Where the last whole record ends. Anything after it was cut off in mid-write. */
  readonly end: number;
  /** Bytes before `end` that belong to no record. */
  readonly damagedBytes: number;
  /** Whether the file is a journal, be it whole, damaged or just begun. An empty file counts as one. */
  readonly isJournal: boolean;
}

const SEARCH_BYTES = 64 * 1024;
const BLOCK_BYTES = 256 * 1024;
/** A key has some hundred bytes; one that claims more than this is damaged. */
const MAX_KEY = 64 * 1024;

/** Scans a journal, from head to head. */
export async function scanJournal(file: FileHandle): Promise<Scan> {
  const batches = new RecordPlaces();
  const triage = new RecordPlaces();
  let key: RunKey | undefined;
  const walked = await walkRecords(file, (record) => {
    if (record.kind === BATCH_RECORD) batches.set(record.batch, record.start, record.frames);
    if (record.kind === TRIAGE_RECORD) triage.set(record.batch, record.start, record.frames);
    if (record.kind !== KEY_RECORD || key) return undefined;
    return readKey(file, record).then((found) => {
      key = found;
      return false;
    });
  });
  return { key, batches, triage, ...walked };
}

/** Reads the key of a journal without scanning what follows. */
export async function scanKey(file: FileHandle): Promise<Pick<Scan, 'key' | 'isJournal'>> {
  let key: RunKey | undefined;
  const { isJournal } = await walkRecords(file, (record) => {
    if (record.kind !== KEY_RECORD) return undefined;
    return readKey(file, record).then((found) => {
      key = found;
      return found !== undefined;
    });
  });
  return { key, isJournal };
}

/** Called with every whole record; resolving to true ends the walk. Undefined spares most records a promise. */
type Visit = (record: FoundRecord) => Promise<boolean> | undefined;

/**
 * Visits every whole record. After a damaged head it continues at the next whole record: what lies between is missing,
 * and is computed again.
 */
export async function walkRecords(
  file: FileHandle,
  visit: Visit,
): Promise<Pick<Scan, 'end' | 'damagedBytes' | 'isJournal'>> {
  const { size } = await file.stat();
  const reader = new BlockReader(file);
  let end = 0;
  let damagedBytes = 0;
  let position = 0;
  while (position < size) {
    const bytes = reader.held(position, HEAD_BYTES) ?? (await reader.read(position, HEAD_BYTES));
    const head = bytes.length === HEAD_BYTES ? decodeHead(bytes) : undefined;
    if (!head || position + HEAD_BYTES + head.payloadBytes > size) {
      // Damage only if a whole record follows; otherwise it is the torn end.
      position = await nextMark(reader, position + 1, size);
      continue;
    }
    damagedBytes += position - end;
    end = position + HEAD_BYTES + head.payloadBytes;
    const visited = visit({ ...head, start: position });
    position = end;
    if (visited && (await visited)) break;
  }
  const isJournal = end > 0 || (await beginsAsJournal(reader, size));
  return { end, damagedBytes, isJournal };
}

/** The first write of a journal may have been cut off anywhere, so the start of MARK is enough. */
async function beginsAsJournal(file: BlockReader, size: number): Promise<boolean> {
  const begin = await file.read(0, Math.min(size, MARK.length));
  return begin.equals(MARK.subarray(0, begin.length));
}

/**
 * Reads and checks a record that a scan has found.
 * @param guess likely bytes of its payload; if they are enough, so is one system call
 * @returns undefined when it is damaged or cut off
 */
export async function readRecord(
  file: FileHandle,
  start: number,
  guess = 0,
): Promise<{ head: RecordHead; payload: Buffer } | undefined> {
  const bytes = await readAt(file, start, Buffer.allocUnsafe(HEAD_BYTES + guess));
  const head = bytes.length >= HEAD_BYTES ? decodeHead(bytes.subarray(0, HEAD_BYTES)) : undefined;
  if (!head) return undefined;
  const { payloadBytes } = head;
  const payload =
    payloadBytes <= guess
      ? bytes.subarray(HEAD_BYTES, HEAD_BYTES + payloadBytes)
      : await readAt(file, start + HEAD_BYTES, Buffer.allocUnsafe(payloadBytes));
  return payload.length === payloadBytes && isSoundPayload(head, payload) ? { head, payload } : undefined;
}

/** @returns undefined when the key record is damaged */
export async function readKeyText(file: FileHandle, { start, payloadBytes }: FoundRecord): Promise<string | undefined> {
  const record = payloadBytes <= MAX_KEY ? await readRecord(file, start) : undefined;
  return record?.payload.toString('utf8');
}

async function readKey(file: FileHandle, record: FoundRecord): Promise<RunKey | undefined> {
  const text = await readKeyText(file, record);
  return text === undefined ? undefined : parseKey(text);
}

/** Position of the next MARK at or after `from`; `size` if there is none. */
async function nextMark(file: BlockReader, from: number, size: number): Promise<number> {
  for (let start = from; start < size; start += SEARCH_BYTES) {
    // A mark may straddle two blocks.
    const found = (await file.read(start, SEARCH_BYTES + MARK.length - 1)).indexOf(MARK);
    if (found >= 0) return start + found;
  }
  return size;
}

/** Reads ahead, so that the next head is usually in memory. Requests are at most BLOCK_BYTES. */
class BlockReader {
  readonly #file: FileHandle;
  /** Reused for every block: a long journal would leave gigabytes for the garbage collector. */
  readonly #memory = Buffer.allocUnsafe(BLOCK_BYTES);
  #block: Buffer = this.#memory.subarray(0, 0);
  #start = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @returns the bytes, valid until the next `read`; undefined when they must be read first */
  held(position: number, length: number): Buffer | undefined {
    const from = position - this.#start;
    return from < 0 || from + length > this.#block.length ? undefined : this.#block.subarray(from, from + length);
  }

  /** @returns the bytes, valid until the next call; fewer only at the end of the file */
  async read(position: number, length: number): Promise<Buffer> {
    const held = this.held(position, length);
    if (held) return held;
    this.#block = await readAt(this.#file, position, this.#memory);
    this.#start = position;
    return this.#block.subarray(0, length);
  }
}

/** Fills `memory` from the file. @returns the part that was filled: all of it, except at the end of the file */
async function readAt(file: FileHandle, position: number, memory: Buffer): Promise<Buffer> {
  let filled = 0;
  while (filled < memory.length) {
    const { bytesRead } = await file.read(memory, filled, memory.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return memory.subarray(0, filled);
}
