import zlib from 'node:zlib';
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FrameBatchTokens } from '../engine/addon.js';
import { parseKey } from './journal-key.js';
import type { RunKey } from './journal-key.js';

/**
 * A record of the journal, all numbers little-endian: eight bytes that begin every record, its kind, the number of its
 * batch, frames, bytes of its payload, 16 bytes of digest, CRC-32 of the payload, CRC-32 of the 44 bytes before; then the
 * payload. The two sums are apart, so that a reader can go from head to head without reading what lies between.
 */
export const HEAD_BYTES = 48;
export const DIGEST_BYTES = 16;

/** Of a PNG's kind: a byte above ASCII, a name, both line ends; text tools and transfers that change bytes break it. */
export const MARK = Buffer.from([0x89, 0x56, 0x4e, 0x50, 0x4a, 0x0d, 0x0a, 0x1a]);

/** What a record holds: what its run is, or the results of one batch, of the models or of triage before them. */
export const KEY_RECORD = 1;
export const BATCH_RECORD = 2;
export const TRIAGE_RECORD = 3;

/** More than any batch makes; what claims to be longer is damaged. */
const LONGEST_PAYLOAD = 2 ** 31 - 1;

export interface RecordHead {
  readonly kind: number;
  /** Number of the batch in its stage of the run, from 0; 0 for the key. */
  readonly batch: number;
  readonly frames: number;
  readonly payloadBytes: number;
  /** Of what the batch was computed from, DIGEST_BYTES long; of a decoded head a part of its bytes. */
  readonly digest: Uint8Array;
  readonly payloadSum: number;
}

/** The head and the payload, to be written one after the other. */
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

/** @returns undefined when these HEAD_BYTES are no sound head */
export function decodeHead(bytes: Buffer): RecordHead | undefined {
  if (!bytes.subarray(0, MARK.length).equals(MARK) || bytes.readUInt32LE(44) !== zlib.crc32(bytes.subarray(0, 44))) {
    return undefined;
  }
  const payloadBytes = bytes.readUInt32LE(20);
  if (payloadBytes > LONGEST_PAYLOAD) return undefined;
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

/** Tells batches apart by all that the models read of them: the start of a SHA-256 over their tokens and where each sequence ends. */
export function batchDigest({ dna, protein }: FrameBatchTokens): Uint8Array {
  const hash = createHash('sha256');
  // The offsets come first: they say how many tokens follow.
  for (const { tokens, offsets } of [dna, protein]) hash.update(bytesOf(offsets)).update(bytesOf(tokens));
  return hash.digest().subarray(0, DIGEST_BYTES);
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Batches of one page: numbers of batches follow each other, so that pages are full but for the last ones. */
const PAGE = 512;

interface Page {
  /** Where the record of a batch begins, plus 1; 0 where there is none. */
  readonly starts: Float64Array;
  readonly frames: Uint32Array;
}

/**
 * Where the batches of a journal are, by their numbers: 12 bytes a batch, since a long run has millions of them. All else
 * is read again from the record when it is asked for.
 */
export class RecordPlaces {
  readonly #pages = new Map<number, Page>();
  #batches = 0;
  #frames = 0;

  /** Of several records of one batch the last counts. */
  set(batch: number, start: number, frames: number): void {
    const page = this.#pages.get(Math.floor(batch / PAGE)) ?? this.#newPage(Math.floor(batch / PAGE));
    const index = batch % PAGE;
    if (page.starts[index] === 0) this.#batches++;
    this.#frames += frames - page.frames[index]!;
    page.starts[index] = start + 1;
    page.frames[index] = frames;
  }

  /** @returns undefined where there is none */
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
  /** Their payloads were not looked at yet. */
  readonly batches: RecordPlaces;
  /** The same of triage. */
  readonly triage: RecordPlaces;
  /** Where the last whole record ends: what follows was torn off in the middle of a write. */
  readonly end: number;
  /** Bytes between records that belong to none. */
  readonly damagedBytes: number;
  /** Whether it is a journal at all, whole, damaged or just begun: an empty file is. */
  readonly isJournal: boolean;
}

const SEARCH_BYTES = 64 * 1024;
const BLOCK_BYTES = 256 * 1024;
/** A key is some hundred bytes; a journal of one that claims more is damaged. */
const LONGEST_KEY = 64 * 1024;

/** Goes through a journal from head to head. */
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

/** The key of a journal, without what comes behind it. */
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

/** Called with every whole record; whether that is enough. A promise is waited for, and millions of records need none. */
type Visit = (record: FoundRecord) => Promise<boolean> | undefined;

/**
 * A head that is damaged is passed over to the next record that is whole: what it told is missing, and computed again.
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
      // Damaged only if something whole follows; else it is the torn end.
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

/** The first write of a journal may have been cut off anywhere. */
async function beginsAsJournal(file: BlockReader, size: number): Promise<boolean> {
  const begin = await file.read(0, Math.min(size, MARK.length));
  return begin.equals(MARK.subarray(0, begin.length));
}

/**
 * Reads a record that was found.
 * @param guess bytes that its payload probably has, so that one call to the system is enough
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

async function readKey(file: FileHandle, { start, payloadBytes }: FoundRecord): Promise<RunKey | undefined> {
  const record = payloadBytes <= LONGEST_KEY ? await readRecord(file, start) : undefined;
  return record && parseKey(record.payload.toString('utf8'));
}

/** Where the next MARK at or after `from` begins; the size where there is none. */
async function nextMark(file: BlockReader, from: number, size: number): Promise<number> {
  for (let start = from; start < size; start += SEARCH_BYTES) {
    // A mark may lie across two blocks.
    const found = (await file.read(start, SEARCH_BYTES + MARK.length - 1)).indexOf(MARK);
    if (found >= 0) return start + found;
  }
  return size;
}

/** Reads more than is asked for, which is at most BLOCK_BYTES, so that the next head is mostly there already. */
class BlockReader {
  readonly #file: FileHandle;
  /** Always the same memory: a long journal would leave gigabytes for the collector. */
  readonly #memory = Buffer.allocUnsafe(BLOCK_BYTES);
  #block: Buffer = this.#memory.subarray(0, 0);
  #start = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @returns valid until the next `read`; undefined where it has to be read first */
  held(position: number, length: number): Buffer | undefined {
    const from = position - this.#start;
    return from < 0 || from + length > this.#block.length ? undefined : this.#block.subarray(from, from + length);
  }

  /** @returns valid until the next call; shorter only at the end of the file */
  async read(position: number, length: number): Promise<Buffer> {
    const held = this.held(position, length);
    if (held) return held;
    this.#block = await readAt(this.#file, position, this.#memory);
    this.#start = position;
    return this.#block.subarray(0, length);
  }
}

/** Fills the memory from the file. @returns what was filled: less at the end of the file */
async function readAt(file: FileHandle, position: number, memory: Buffer): Promise<Buffer> {
  let filled = 0;
  while (filled < memory.length) {
    const { bytesRead } = await file.read(memory, filled, memory.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return memory.subarray(0, filled);
}
