import assert from 'node:assert/strict';
import fc from 'fast-check';
import { escapeCell, unescapeCell } from '../../lib/output/cell.js';

/** Where Python's splitlines breaks a line. */
const LINE_BREAKS = ['\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029'];

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\\', 't', 'n', 'x', '0', 'u', "'", '"', '=', '+', '-', '@', '#', '\t', '\n', '\r', '\0'),
  }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
);

describe('The cell of a text', () => {
  const cases: [string, string][] = [
    ['NODE_1_length_5000_cov_3.14', 'NODE_1_length_5000_cov_3.14'],
    ['gi|123|ref|NC_001.1|', 'gi|123|ref|NC_001.1|'],
    ['1234_5#6.7', '1234_5#6.7'],
    ['Bökman-ä', 'Bökman-ä'],
    ['', ''],
    ['a\tb', 'a\\tb'],
    ['a\r\nb', 'a\\r\\nb'],
    ['a\x07b\x85', 'a\\x07b\\x85'],
    ['a\\tb', 'a\\\\tb'],
    ['a\u2028b', 'a\\u2028b'],
    ['\ud800', '\\ud800'],
    ['😀', '😀'],
    ['=HYPERLINK("x")', '\'=HYPERLINK("x")'],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['#1', "'#1"],
    ['"quoted', '\'"quoted'],
    ["'", "''"],
  ];
  for (const [text, cell] of cases) {
    it(`is ${JSON.stringify(cell)} for ${JSON.stringify(text)}`, () => {
      assert.equal(escapeCell(text), cell);
      assert.equal(unescapeCell(cell), text);
    });
  }

  it('gives back any text, through UTF-8', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const read = Buffer.from(escapeCell(text), 'utf8').toString('utf8');
        assert.equal(unescapeCell(read), text);
      }),
      { numRuns: 1000 },
    );
  });

  it('never breaks a row, and never starts a formula, a comment or a quotation', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const cell = escapeCell(text);
        for (const breaking of ['\t', ...LINE_BREAKS]) assert.ok(!cell.includes(breaking), cell);
        assert.doesNotMatch(cell, /^[=+\-@#"]/);
      }),
      { numRuns: 1000 },
    );
  });
});
