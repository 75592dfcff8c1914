import zlib from 'node:zlib';

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
