import type { FileHandle } from 'node:fs/promises';
import { BATCH_RECORD, decodeHead, HEAD_BYTES, isSoundPayload, KEY_RECORD, MARK, TRIAGE_RECORD } from './record.js';
import type { RecordHead } from './record.js';
import { RecordPlaces } from './record-places.js';
import { parseKey } from './run-key.js';
import type { RunKey } from './run-key.js';

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
