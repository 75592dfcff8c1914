// @ts-check
import { Buffer } from 'node:buffer';

/**
 * @typedef {import('./random.mjs').Random} Random
 * @typedef {{ name: Buffer, bytes: Buffer }} Entry
 */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

/**
 * A zip file of stored entries with one of them removed, duplicated, renamed, cut or changed by `mutate`, and with its
 * directory rebuilt: changing bytes alone hardly gets past the offsets. Undefined if the bytes are no such file.
 * @param {Buffer} bytes @param {Random} random @param {(bytes: Buffer) => Buffer} mutate
 */
export function mutatedZip(bytes, random, mutate) {
  const entries = entriesOf(bytes);
  if (entries.length === 0) return undefined;
  // The pickle comes first, and is changed most.
  const at = random.once(2) ? 0 : random.below(entries.length);
  const { name, bytes: content } = /** @type {Entry} */ (entries[at]);
  switch (random.below(12)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries.push({ name, bytes: content });
      break;
    case 2:
      entries[at] = { name: mutate(name).subarray(0, 300), bytes: content };
      break;
    case 3:
      entries[at] = { name, bytes: content.subarray(0, random.below(content.length + 1)) };
      break;
    default:
      entries[at] = { name, bytes: mutate(content) };
  }
  return zipOf(entries);
}

/** Reads the entries from the front, ignoring the directory. @param {Buffer} bytes */
function entriesOf(bytes) {
  /** @type {Entry[]} */
  const entries = [];
  for (let at = 0; at + 30 <= bytes.length && bytes.readUInt32LE(at) === LOCAL;) {
    const nameEnd = at + 30 + bytes.readUInt16LE(at + 26);
    const start = nameEnd + bytes.readUInt16LE(at + 28);
    const end = start + bytes.readUInt32LE(at + 18);
    if (end > bytes.length) break;
    entries.push({ name: bytes.subarray(at + 30, nameEnd), bytes: bytes.subarray(start, end) });
    at = end;
  }
  return entries;
}

/** @param {readonly Entry[]} entries */
export function zipOf(entries) {
  const data = [];
  const directory = [];
  let position = 0;
  for (const { name, bytes } of entries) {
    const [local, central] = [Buffer.alloc(30), Buffer.alloc(46)];
    local.writeUInt32LE(LOCAL, 0);
    central.writeUInt32LE(CENTRAL, 0);
    for (const [header, at] of /** @type {const} */ ([
      [local, 18],
      [central, 20],
    ])) {
      header.writeUInt32LE(bytes.length, at);
      header.writeUInt32LE(bytes.length, at + 4);
      header.writeUInt16LE(name.length, at + 8);
    }
    central.writeUInt32LE(position, 42);
    data.push(local, name, bytes);
    directory.push(central, name);
    position += 30 + name.length + bytes.length;
  }
  const entriesOfDirectory = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(entriesOfDirectory.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...data, entriesOfDirectory, end]);
}
