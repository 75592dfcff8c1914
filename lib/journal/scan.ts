import type { FileHandle } from 'node:fs/promises';
import { BATCH_RECORD, decodeHead, HEAD_BYTES, isSoundPayload, KEY_RECORD, MARK, TRIAGE_RECORD } from './record.js';
import type { RecordHead } from './record.js';
import { parseKey } from './run-key.js';
import type { RunKey } from './run-key.js';

/** A record in the file: its head, and where its payload begins. */
export interface RecordPlace extends RecordHead {
  readonly payloadStart: number;
}

export interface Scan {
  /** Undefined when both copies of it are damaged, or there is none. */
  readonly key: RunKey | undefined;
  /** By the number of the batch; of several the last. Their payloads were not looked at yet. */
  readonly batches: ReadonlyMap<number, RecordPlace>;
  /** The same of triage. */
  readonly triage: ReadonlyMap<number, RecordPlace>;
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

/**
 * Goes through a journal from head to head. A head that is damaged is passed over to the next record that is whole: what
 * it told is missing, and computed again.
 */
export async function scanJournal(file: FileHandle): Promise<Scan> {
  const { size } = await file.stat();
  const reader = new BlockReader(file);
  const batches = new Map<number, RecordPlace>();
  const triage = new Map<number, RecordPlace>();
  let key: RunKey | undefined;
  let end = 0;
  let damagedBytes = 0;
  let position = 0;
  while (position < size) {
    const place = await placeAt(reader, position, size);
    if (!place) {
      // Damaged only if something whole follows; else it is the torn end.
      position = await nextMark(reader, position + 1, size);
      continue;
    }
    damagedBytes += position - end;
    if (place.kind === BATCH_RECORD) batches.set(place.batch, place);
    if (place.kind === TRIAGE_RECORD) triage.set(place.batch, place);
    if (place.kind === KEY_RECORD) key ??= await readKey(file, place);
    position = end = place.payloadStart + place.payloadBytes;
  }
  const isJournal = end > 0 || (await beginsAsJournal(reader, size));
  return { key, batches, triage, end, damagedBytes, isJournal };
}

/** The first write of a journal may have been cut off anywhere. */
async function beginsAsJournal(file: BlockReader, size: number): Promise<boolean> {
  const begin = await file.read(0, Math.min(size, MARK.length));
  return begin.equals(MARK.subarray(0, begin.length));
}

/** @returns undefined when the payload is damaged or cut off */
export async function readPayload(file: FileHandle, place: RecordPlace): Promise<Buffer | undefined> {
  const payload = await readAt(file, place.payloadStart, place.payloadBytes);
  return payload.length === place.payloadBytes && isSoundPayload(place, payload) ? payload : undefined;
}

async function placeAt(file: BlockReader, position: number, size: number): Promise<RecordPlace | undefined> {
  const bytes = await file.read(position, HEAD_BYTES);
  const head = bytes.length === HEAD_BYTES ? decodeHead(bytes) : undefined;
  if (!head || position + HEAD_BYTES + head.payloadBytes > size) return undefined;
  return { ...head, payloadStart: position + HEAD_BYTES };
}

async function readKey(file: FileHandle, place: RecordPlace): Promise<RunKey | undefined> {
  const payload = place.payloadBytes <= LONGEST_KEY ? await readPayload(file, place) : undefined;
  return payload && parseKey(payload.toString('utf8'));
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

/** Reads more than is asked for, so that the next head is mostly there already. */
class BlockReader {
  readonly #file: FileHandle;
  #block: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @returns valid until the next call; shorter only at the end of the file */
  async read(position: number, length: number): Promise<Buffer> {
    const from = position - this.#start;
    if (from < 0 || from + length > this.#block.length) {
      this.#block = await readAt(this.#file, position, Math.max(length, BLOCK_BYTES));
      this.#start = position;
    }
    return this.#block.subarray(position - this.#start, position - this.#start + length);
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
