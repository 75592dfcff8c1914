import assert from 'node:assert/strict';
import { readMemory } from '../../lib/input/memory-records.js';
import type { InputRecord } from '../../lib/input/memory-records.js';

/** Takes much longer than a turn of the event loop, on any machine. */
const LONG = 8_000_000;

const RECORDS: readonly InputRecord[] = [
  { id: 'first', sequence: 'ACGT' },
  { id: 'long', sequence: 'ACGT'.repeat(LONG / 4) },
  { id: 'bytes', sequence: Buffer.alloc(LONG, 'G') },
  { id: 'last', sequence: 'TTGA' },
];

async function* oneByOne(): AsyncGenerator<InputRecord> {
  for (const record of RECORDS) yield await Promise.resolve(record);
}

describe('long records in memory', () => {
  for (const [kind, records] of [
    ['an array', () => RECORDS],
    ['an asynchronous iterable', oneByOne],
  ] as const) {
    it(`of ${kind} come whole and in order, and let other work have turns`, async () => {
      let turns = 0;
      const timer = setInterval(() => turns++, 0);
      try {
        const read: [string, number][] = [];
        for await (const { id, sequence } of readMemory(records(), 'records')) {
          read.push([id, sequence.length]);
          sequence.release();
        }
        assert.deepEqual(read, [
          ['first', 4],
          ['long', LONG],
          ['bytes', LONG],
          ['last', 4],
        ]);
        assert.ok(turns >= 2, `${turns} turns`);
      } finally {
        clearInterval(timer);
      }
    });
  }

  it('close their iterator when they are left, and not when it has ended', async () => {
    for (const [taken, returns] of [
      [1, 1],
      [2, 1],
      [9, 0],
    ] as const) {
      let calls = 0;
      const inner = RECORDS[Symbol.iterator]();
      const records: IterableIterator<InputRecord> = {
        next: () => inner.next(),
        return: () => {
          calls++;
          return { done: true, value: undefined };
        },
        [Symbol.iterator]: () => records,
      };
      let left = taken as number;
      for await (const { sequence } of readMemory(records, 'records')) {
        sequence.release();
        if (--left === 0) break;
      }
      assert.equal(calls, returns, `${taken} taken`);
    }
  });
});
