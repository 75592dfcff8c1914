import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirnucproError } from '../../lib/errors.js';
import { readRecords } from '../../lib/input/records.js';
import { blocksOf, packed, PROGRAMS } from './packed.js';

/** Bytes that mean something to one of the parsers, more often than by chance. */
const pieces = fc.oneof(
  fc.constantFrom(
    '>',
    '@',
    '+',
    '\n',
    '\r\n',
    '\r',
    '\n>',
    '\n@',
    '\n+\n',
    'ACGT',
    'MKQL',
    '\0',
    ' ',
    '\t',
    '\uFEFF',
    'BZh9',
  ),
  fc.constantFrom('>a\nACGT\n', '@a\nACGT\n+\nIIII\n', '@a\nAC\nGT\n+a\nII\nII\n', '@a\nAC\n+\nI\n'),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const texts = fc.array(pieces, { maxLength: 30 }).map((parts) => Buffer.from(parts.join('')));
const bytes = fc.uint8Array({ maxLength: 200 });
const magics = fc.constantFrom('1f8b08', '425a6839314159265359', 'fd377a585a000004', '28b52ffd24', '502a4d1804000000');
const archives = fc.tuple(magics, bytes).map(([magic, rest]) => Buffer.concat([Buffer.from(magic, 'hex'), rest]));
const damagedArchives = fc
  .tuple(fc.constantFrom(...Object.values(PROGRAMS)), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }))
  .map(([name, changes]) => {
    const archive = Buffer.from(packed(name));
    for (const [position, byte] of changes) archive[position % archive.length] = byte;
    return archive;
  });
const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 4 });

/** The outcome for the input: its records, and its error if any. */
async function outcomeOf(input: Uint8Array, cut: readonly number[]): Promise<unknown[]> {
  const outcome: unknown[] = [];
  try {
    for await (const { sequence, ...record } of readRecords(['-'], { standardInput: blocksOf(input, cut) })) {
      outcome.push({ ...record, letters: Buffer.from(sequence.read(0, sequence.length)).toString('latin1') });
      sequence.release();
    }
  } catch (error) {
    assert.ok(error instanceof VirnucproError && error.code === 'VNP_INPUT_FORMAT', String(error));
    assert.match(error.message, /^((FASTQ s|S)tandard input|The header of record \d+ in standard input) .+\. \S/);
    outcome.push(error.message);
  }
  return outcome;
}

describe('any bytes', () => {
  it('are read, or refused with a reason, and the same wherever they are cut', () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(texts, bytes), sizes, async (input, cut) => {
        assert.deepEqual(await outcomeOf(input, cut), await outcomeOf(input, [10_000]));
      }),
      { numRuns: 1000 },
    ));

  it('that begin like an archive are read, or refused with a reason', () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(archives, damagedArchives), sizes, async (input, cut) => {
        await outcomeOf(input, cut);
      }),
      { numRuns: 60 },
    ));
});
