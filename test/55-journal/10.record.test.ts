import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  BATCH_RECORD,
  decodeHead,
  encodeRecord,
  HEAD_BYTES,
  isSoundPayload,
} from '../../lib/journal/journal-format.js';

const heads = fc.record({
  kind: fc.constantFrom(1, BATCH_RECORD),
  batch: fc.nat(0xffffffff),
  frames: fc.nat(0xffffffff),
  digest: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});
const payloads = fc.uint8Array({ maxLength: 300 });

describe('a record of the journal', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(heads, payloads, (head, payload) => {
        const record = encodeRecord(head, payload);
        const { payloadBytes, payloadSum: _sum, ...read } = decodeHead(record.subarray(0, HEAD_BYTES))!;
        assert.deepEqual(read, { ...head, digest: Uint8Array.from(head.digest) });
        assert.equal(payloadBytes, payload.length);
        assert.deepEqual(Uint8Array.from(record.subarray(HEAD_BYTES)), payload);
        assert.ok(isSoundPayload(decodeHead(record)!, payload));
      }),
    );
  });

  it('shows any flipped bit, in its head and in its payload', () => {
    fc.assert(
      fc.property(heads, fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), (head, payload, where) => {
        const record = encodeRecord(head, payload);
        const bit = where % (8 * record.length);
        record[bit >> 3]! ^= 1 << (bit & 7);
        const read = decodeHead(record.subarray(0, HEAD_BYTES));
        const isSound = read !== undefined && isSoundPayload(read, record.subarray(HEAD_BYTES));
        assert.equal(isSound, false);
        assert.equal(read === undefined, bit < 8 * HEAD_BYTES);
      }),
    );
  });
});
