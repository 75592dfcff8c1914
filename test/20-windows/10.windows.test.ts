import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MemorySequence } from '../../lib/input/stored-sequence.js';
import { readWindows, windowId, windowsOf } from '../../lib/windows/windows.js';

/** Length, chunk size, and the (start, length) of each window that the classic tool makes. */
const classic: readonly [number, number, readonly [number, number][]][] = [
  [
    6,
    5,
    [
      [0, 5],
      [2, 4],
    ],
  ],
  [
    11,
    5,
    [
      [0, 5],
      [3, 5],
      [6, 5],
    ],
  ],
  [
    21,
    10,
    [
      [0, 10],
      [6, 10],
      [12, 9],
    ],
  ],
  [
    501,
    500,
    [
      [0, 500],
      [250, 251],
    ],
  ],
  [
    999,
    500,
    [
      [0, 500],
      [499, 500],
    ],
  ],
  [
    1001,
    500,
    [
      [0, 500],
      [333, 500],
      [666, 335],
    ],
  ],
  [
    1501,
    500,
    [
      [0, 500],
      [375, 500],
      [750, 500],
      [1125, 376],
    ],
  ],
  [1, 500, [[0, 1]]],
  [500, 500, [[0, 500]]],
  [
    1000,
    500,
    [
      [0, 500],
      [500, 500],
    ],
  ],
  [0, 500, []],
];

const anyLength = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 5000 }));
const anyWindow = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1000 }));

describe('the windows of a record', () => {
  for (const [length, chunkSize, spans] of classic) {
    it(`are the classic ones: ${length} letters in windows of ${chunkSize}`, () => {
      assert.deepEqual(
        [...windowsOf(length, chunkSize)],
        spans.map(([start, size], index) => ({ number: index + 1, start, length: size })),
      );
    });
  }

  it('are as few as can be, cover every letter and end with the record', () => {
    fc.assert(
      fc.property(anyLength, anyWindow, (length, chunkSize) => {
        const spans = [...windowsOf(length, chunkSize)];
        assert.equal(spans.length, Math.ceil(length / chunkSize));
        let end = 0;
        let lastStart = -1;
        for (const span of spans) {
          assert.ok(span.start > lastStart && span.start <= end, 'starts after the one before, without a gap');
          if (span.number < spans.length) assert.equal(span.length, chunkSize);
          assert.ok(span.length >= 1 && span.length <= chunkSize);
          lastStart = span.start;
          end = span.start + span.length;
        }
        assert.equal(end, length);
      }),
    );
  });

  it('are not gathered before the first is given', () => {
    const windows = windowsOf(Number.MAX_SAFE_INTEGER, 1);
    assert.deepEqual(windows.next().value, { number: 1, start: 0, length: 1 });
    assert.deepEqual(windows.next().value, { number: 2, start: 1, length: 1 });
  });

  it('need whole numbers', () => {
    for (const [length, chunkSize] of [
      [-1, 5],
      [1.5, 5],
      [NaN, 5],
      [10, 0],
      [10, -5],
      [10, 2.5],
    ] as const) {
      assert.throws(() => windowsOf(length, chunkSize).next(), { code: 'VNP_ARGUMENT' });
    }
  });

  it('have T for the U of RNA', () => {
    const sequence = new MemorySequence(Buffer.from('ACGUacguN'));
    const letters = [...readWindows({ sequence, uracil: 2 }, 5)].map((window) =>
      Buffer.from(window.letters).toString(),
    );
    assert.deepEqual(letters, ['ACGTa', 'acgtN']);
  });

  it('have their letters as they were read', () => {
    const sequence = new MemorySequence(Buffer.from('ACGTacgtNNn'));
    const windows = [...readWindows({ sequence, uracil: 0 }, 5)].map(({ number, start, letters }) => {
      return [number, start, Buffer.from(letters).toString()];
    });
    assert.deepEqual(windows, [
      [1, 0, 'ACGTa'],
      [2, 3, 'Tacgt'],
      [3, 6, 'gtNNn'],
    ]);
  });

  it('are named after their record', () => {
    assert.equal(windowId('contig_1', 12), 'contig_1_chunk_12');
  });
});
