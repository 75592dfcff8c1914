import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
// Not by name: a Node without it must get as far as the message that it is too old.
import zlib from 'node:zlib';
import { forcedToDisk } from '../disk.js';

/** Sizes and offsets from here on, and as many entries as 0xffff, need the fields of zip64. */
const ZIP64_FROM = 0xffffffff;
const ZIP64_ENTRIES_FROM = 0xffff;
/** 1 January 1980, the earliest date: equal contents make equal archives. */
const DOS_DATE = 0x21;
const LOCAL_HEADER_BYTES = 30;
const PADDING_HEAD_BYTES = 4;
/** In a field of 32 bits: the value is in the zip64 field. */
const UNKNOWN = 0xffffffff;

interface Entry {
  readonly name: Buffer;
  readonly offset: number;
  readonly size: number;
  readonly crc: number;
}

/** The bytes of an entry. */
export type Parts = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface StoredZipOptions {
  /** Every entry's bytes start at a multiple of this. Default 1. */
  readonly alignment?: number;
  /** Whether `close` forces it to the disk. Default true. */
  readonly forced?: boolean;
  /** Sizes and offsets from here on use zip64; for tests. */
  readonly zip64From?: number;
}

/** Writes a new zip archive of uncompressed entries, one after another, with zip64 where it is needed. */
export class StoredZip {
  readonly #file: FileHandle;
  readonly #alignment: number;
  readonly #forced: boolean;
  readonly #zip64From: number;
  readonly #entries: Entry[] = [];
  #offset = 0;

  private constructor(file: FileHandle, options: StoredZipOptions) {
    const { alignment = 1, forced = true, zip64From = ZIP64_FROM } = options;
    this.#file = file;
    this.#alignment = alignment;
    this.#forced = forced;
    this.#zip64From = zip64From;
  }

  static async create(path: string, options: StoredZipOptions = {}): Promise<StoredZip> {
    return new StoredZip(await open(path, 'wx'), options);
  }

  /** @param size of all parts together, in bytes */
  async add(entryName: string, size: number, parts: Parts): Promise<void> {
    const name = Buffer.from(entryName, 'utf8');
    const offset = this.#offset;
    await this.#write(this.#localHeader({ name, offset, size, crc: 0 }));
    const start = this.#offset;
    let crc = 0;
    for await (const part of parts as AsyncIterable<Uint8Array>) {
      crc = zlib.crc32(part, crc);
      await this.#write(part);
    }
    if (this.#offset - start !== size) {
      throw new Error(`expected ${size} bytes of ${entryName} but received ${this.#offset - start}`);
    }
    const entry = { name, offset, size, crc };
    await writeWhole(this.#file, this.#localHeader(entry), offset);
    this.#entries.push(entry);
  }

  /** Completes the archive. */
  async close(): Promise<void> {
    const start = this.#offset;
    for (const entry of this.#entries) await this.#write(this.#centralHeader(entry));
    await this.#write(this.#endRecords(start));
    if (this.#forced) await forcedToDisk(() => this.#file.sync());
    await this.#file.close();
  }

  /** Closes the unfinished file; never fails. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await writeWhole(this.#file, bytes, this.#offset);
    this.#offset += bytes.length;
  }

  #localHeader({ name, offset, size, crc }: Entry): Buffer {
    const isLarge = size >= this.#zip64From;
    const zip64 = isLarge ? zip64Field([size, size]) : Buffer.alloc(0);
    const used = offset + LOCAL_HEADER_BYTES + name.length + zip64.length;
    const extra = Buffer.concat([zip64, paddingField(used, this.#alignment)]);
    const fields = commonFields({ name, size: isLarge ? undefined : size, crc, extra, needsZip64: isLarge });
    return Buffer.concat([signature(0x04034b50), fields, name, extra]);
  }

  #centralHeader({ name, offset, size, crc }: Entry): Buffer {
    const isLarge = size >= this.#zip64From;
    const isFar = offset >= this.#zip64From;
    const values = [...(isLarge ? [size, size] : []), ...(isFar ? [offset] : [])];
    const extra = values.length > 0 ? zip64Field(values) : Buffer.alloc(0);
    const needsZip64 = isLarge || isFar;
    const fields = commonFields({ name, size: isLarge ? undefined : size, crc, extra, needsZip64 });
    const madeBy = Buffer.from([needsZip64 ? 45 : 20, 0]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(isFar ? UNKNOWN : offset, 10);
    return Buffer.concat([signature(0x02014b50), madeBy, fields, rest, name, extra]);
  }

  /** @param start of the central headers, which end here */
  #endRecords(start: number): Buffer {
    const count = this.#entries.length;
    const size = this.#offset - start;
    const needsZip64 = count >= ZIP64_ENTRIES_FROM || start >= this.#zip64From || size >= this.#zip64From;
    const end = Buffer.alloc(18);
    end.writeUInt16LE(needsZip64 ? 0xffff : count, 4);
    end.writeUInt16LE(needsZip64 ? 0xffff : count, 6);
    end.writeUInt32LE(needsZip64 ? UNKNOWN : size, 8);
    end.writeUInt32LE(needsZip64 ? UNKNOWN : start, 12);
    const records = [signature(0x06054b50), end];
    if (!needsZip64) return Buffer.concat(records);
    const zip64End = Buffer.alloc(52);
    zip64End.writeBigUInt64LE(44n, 0);
    zip64End.writeUInt16LE(45, 8);
    zip64End.writeUInt16LE(45, 10);
    zip64End.writeBigUInt64LE(BigInt(count), 20);
    zip64End.writeBigUInt64LE(BigInt(count), 28);
    zip64End.writeBigUInt64LE(BigInt(size), 36);
    zip64End.writeBigUInt64LE(BigInt(start), 44);
    const locator = Buffer.alloc(16);
    locator.writeBigUInt64LE(BigInt(this.#offset), 4);
    locator.writeUInt32LE(1, 12);
    return Buffer.concat([signature(0x06064b50), zip64End, signature(0x07064b50), locator, ...records]);
  }
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** What local and central headers have in common: everything from the version to the lengths. */
function commonFields(entry: {
  name: Buffer;
  /** undefined if it is in the zip64 field */
  size: number | undefined;
  crc: number;
  extra: Buffer;
  needsZip64: boolean;
}): Buffer {
  const { name, size = UNKNOWN, crc, extra, needsZip64 } = entry;
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(needsZip64 ? 45 : 20, 0);
  fields.writeUInt16LE(DOS_DATE, 8);
  fields.writeUInt32LE(crc, 10);
  fields.writeUInt32LE(size, 14);
  fields.writeUInt32LE(size, 18);
  fields.writeUInt16LE(name.length, 22);
  fields.writeUInt16LE(extra.length, 24);
  return fields;
}

function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(0x0001, 0);
  field.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => field.writeBigUInt64LE(BigInt(value), 4 + 8 * index));
  return field;
}

/** Fills the gap before the next multiple of the alignment, as in the archives of torch. */
function paddingField(used: number, alignment: number): Buffer {
  let gap = (alignment - (used % alignment)) % alignment;
  if (gap === 0) return Buffer.alloc(0);
  while (gap < PADDING_HEAD_BYTES) gap += alignment;
  const field = Buffer.alloc(gap, 'Z');
  field.write('FB', 0, 'latin1');
  field.writeUInt16LE(gap - PADDING_HEAD_BYTES, 2);
  return field;
}

async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset, position + offset);
    offset += bytesWritten;
  }
}
