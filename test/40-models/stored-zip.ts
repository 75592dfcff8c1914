export interface ZipContent {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Default: 0, stored. */
  readonly method?: number;
  /** Name in the entry's own header, if different. */
  readonly localName?: string;
}

/** A zip file of stored entries; with `zip64`, all sizes and offsets are in the wide fields. */
export function storedZip(
  contents: readonly ZipContent[],
  options: { zip64?: boolean; comment?: string } = {},
): Buffer {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const content of contents) {
    const local = localHeader(content);
    directory.push(centralHeader(content, position, options.zip64 ?? false));
    pieces.push(local, Buffer.from(content.bytes));
    position += local.length + content.bytes.length;
  }
  const entries = Buffer.concat(directory);
  return Buffer.concat([...pieces, entries, ...endOfZip(contents.length, entries.length, position, options)]);
}

function localHeader({ name, bytes, method = 0, localName = name }: ZipContent): Buffer {
  const text = Buffer.from(localName);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(method, 8);
  header.writeUInt32LE(bytes.length, 18);
  header.writeUInt32LE(bytes.length, 22);
  header.writeUInt16LE(text.length, 26);
  header.writeUInt16LE(5, 28);
  return Buffer.concat([header, text, Buffer.from('extra')]);
}

function centralHeader({ name, bytes, method = 0 }: ZipContent, position: number, zip64: boolean): Buffer {
  const text = Buffer.from(name);
  const header = Buffer.alloc(46);
  const wide = Buffer.alloc(zip64 ? 28 : 0);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(method, 10);
  for (const [at, value] of [
    [20, bytes.length],
    [24, bytes.length],
    [42, position],
  ] as const) {
    header.writeUInt32LE(zip64 ? 0xffffffff : value, at);
  }
  header.writeUInt16LE(text.length, 28);
  header.writeUInt16LE(wide.length, 30);
  if (zip64) {
    wide.writeUInt16LE(1, 0);
    wide.writeUInt16LE(24, 2);
    [bytes.length, bytes.length, position].forEach((value, index) =>
      wide.writeBigUInt64LE(BigInt(value), 4 + 8 * index),
    );
  }
  return Buffer.concat([header, text, wide]);
}

function endOfZip(count: number, size: number, offset: number, { zip64 = false, comment = '' }): Buffer[] {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : count, 8);
  end.writeUInt16LE(zip64 ? 0xffff : count, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : size, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  if (!zip64) return [end, Buffer.from(comment)];
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  [count, count, size, offset].forEach((value, index) => record.writeBigUInt64LE(BigInt(value), 24 + 8 * index));
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  return [record, locator, end, Buffer.from(comment)];
}
