import type { CheckpointFile } from './checkpoint-file.js';
import { damaged, quoted } from './checkpoint-file.js';

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const END_RECORD_64 = 0x06064b50;
const END_LOCATOR_64 = 0x07064b50;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY = 100_000_000;
const MAX_ENTRIES = 500_000;
const ENCRYPTED = 1;

export interface ZipEntry {
  readonly name: string;
  /** 0 for stored. */
  readonly method: number;
  readonly flags: number;
  /** Bytes in the file. */
  readonly size: number;
  readonly localHeader: number;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly entries: number;
}

/**
 * The entries of a zip file (zip64 included), located but not unpacked: torch stores tensors uncompressed, so each is a
 * byte range of the file. Checksums are not verified.
 */
export class ZipFile {
  private constructor(
    private readonly file: CheckpointFile,
    readonly entries: ReadonlyMap<string, ZipEntry>,
    private readonly directoryOffset: number,
  ) {}

  /** @throws VNP_CHECKPOINT when the file is not a zip file, or a damaged one */
  static async open(file: CheckpointFile): Promise<ZipFile> {
    const directory = await findDirectory(file);
    if (directory.size > MAX_DIRECTORY || directory.entries > MAX_ENTRIES) {
      throw damaged(file.path, `the zip directory claims ${directory.entries} entries in ${directory.size} bytes`);
    }
    const bytes = await file.read(directory.offset, directory.size, 'the zip directory');
    return new ZipFile(file, readEntries(file.path, bytes, directory.entries), directory.offset);
  }

  /**
   * Locates the bytes of a stored entry. Throws VNP_CHECKPOINT for one that is missing, compressed, encrypted or
   * damaged.
   */
  async locate(name: string): Promise<{ offset: number; size: number }> {
    const { path } = this.file;
    const entry = this.entries.get(name);
    if (entry === undefined) throw damaged(path, `has no entry ${quoted(name)}`);
    if (entry.method !== 0 || (entry.flags & ENCRYPTED) !== 0) {
      throw damaged(path, `the entry ${quoted(name)} is compressed or encrypted; only stored entries are supported`);
    }
    const header = await this.file.read(entry.localHeader, 30, `the header of the entry ${quoted(name)}`);
    if (header.readUInt32LE(0) !== LOCAL_HEADER) throw damaged(path, `the entry ${quoted(name)} has no header`);
    const nameLength = header.readUInt16LE(26);
    const ownName = await this.file.read(entry.localHeader + 30, nameLength, 'the name of an entry');
    if (ownName.toString('utf8') !== name) {
      throw damaged(
        path,
        `the entry ${quoted(name)} has another name in its own header: ${quoted(ownName.toString())}`,
      );
    }
    const offset = entry.localHeader + 30 + nameLength + header.readUInt16LE(28);
    if (offset + entry.size > this.directoryOffset) {
      throw damaged(path, `truncated or corrupt: the entry ${quoted(name)} reaches beyond the data`);
    }
    return { offset, size: entry.size };
  }

  /** Reads a stored entry. Throws VNP_CHECKPOINT if it has more than `limit` bytes or `locate` refuses it. */
  async read(name: string, limit: number): Promise<Buffer> {
    const { offset, size } = await this.locate(name);
    if (size > limit) throw damaged(this.file.path, `the entry ${quoted(name)} has ${size} bytes, more than ${limit}`);
    return this.file.read(offset, size, `the entry ${quoted(name)}`);
  }
}

async function findDirectory(file: CheckpointFile): Promise<Directory> {
  const length = Math.min(file.size, MAX_COMMENT + 22);
  const start = file.size - length;
  const tail = await file.read(start, length, 'the end of the zip file');
  for (let at = tail.length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_RECORD || tail.readUInt16LE(at + 20) !== tail.length - at - 22) continue;
    const entries = tail.readUInt16LE(at + 10);
    const size = tail.readUInt32LE(at + 12);
    const offset = tail.readUInt32LE(at + 16);
    const is64 = entries === 0xffff || size === 0xffffffff || offset === 0xffffffff;
    return is64 ? await findDirectory64(file, start + at) : { entries, size, offset };
  }
  throw damaged(
    file.path,
    'begins like a zip file but has no zip directory at its end: it is truncated. Download it again',
  );
}

async function findDirectory64(file: CheckpointFile, endRecord: number): Promise<Directory> {
  const locator = await file.read(endRecord - 20, 20, 'the zip64 locator');
  if (locator.readUInt32LE(0) !== END_LOCATOR_64) throw damaged(file.path, 'has no zip64 locator');
  const record = await file.read(integer64(file.path, locator, 8), 56, 'the zip64 end record');
  if (record.readUInt32LE(0) !== END_RECORD_64) throw damaged(file.path, 'has no zip64 end record');
  return {
    entries: integer64(file.path, record, 32),
    size: integer64(file.path, record, 40),
    offset: integer64(file.path, record, 48),
  };
}

function readEntries(path: string, bytes: Buffer, count: number): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== CENTRAL_HEADER) {
      throw damaged(path, `the zip directory is corrupt at entry ${index}`);
    }
    const nameEnd = at + 46 + bytes.readUInt16LE(at + 28);
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
    const end = extraEnd + bytes.readUInt16LE(at + 32);
    if (end > bytes.length) throw damaged(path, `the zip directory is corrupt at entry ${index}`);
    const entry = readEntry(
      path,
      bytes,
      at,
      bytes.subarray(nameEnd, extraEnd),
      bytes.toString('utf8', at + 46, nameEnd),
    );
    if (entries.has(entry.name)) throw damaged(path, `has two zip entries named ${quoted(entry.name)}`);
    entries.set(entry.name, entry);
    at = end;
  }
  return entries;
}

function readEntry(path: string, bytes: Buffer, at: number, extra: Buffer, name: string): ZipEntry {
  const packedSize = bytes.readUInt32LE(at + 20);
  const plainSize = bytes.readUInt32LE(at + 24);
  const localHeader = bytes.readUInt32LE(at + 42);
  // The zip64 field contains, in this order, only those of the three values that do not fit 32 bits.
  const wide = wideValues(path, extra);
  const widen = (value: number): number => {
    if (value !== 0xffffffff) return value;
    const next = wide.shift();
    if (next === undefined) throw damaged(path, `the zip entry ${quoted(name)} lacks its zip64 field`);
    return next;
  };
  const size = widen(plainSize);
  const packed = widen(packedSize);
  const method = bytes.readUInt16LE(at + 10);
  if (method === 0 && packed !== size) throw damaged(path, `the stored zip entry ${quoted(name)} has two sizes`);
  return { name, method, flags: bytes.readUInt16LE(at + 8), size, localHeader: widen(localHeader) };
}

function wideValues(path: string, extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length;) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) return [];
    if (extra.readUInt16LE(at) === 1) {
      const values: number[] = [];
      for (let value = at + 4; value + 8 <= end; value += 8) values.push(integer64(path, extra, value));
      return values;
    }
    at = end;
  }
  return [];
}

function integer64(path: string, bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw damaged(path, `the zip directory holds the impossible size ${value}`);
  return Number(value);
}
