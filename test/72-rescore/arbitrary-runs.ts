import fc from 'fast-check';

export const NINE_TENTHS = Math.fround(0.9);

/** Scores on and next to the tested thresholds, with the minimum and maximum among them. */
export const score = fc
  .oneof(
    fc.constantFrom(0, 1, 0.5, NINE_TENTHS, Math.fround(1e-5), Math.fround(0.25), Math.fround(0.3)),
    fc.float({ min: 0, max: 1, noNaN: true, noDefaultInfinity: true }),
  )
  .map((value) => Math.abs(Math.fround(value)));

const threshold = fc.oneof(
  fc.constantFrom(0, 1, 0.5, 0.9, NINE_TENTHS, 1e-7),
  fc.double({ min: 0, max: 1, noNaN: true }),
);
/** A rule that predict and call accept. */
export const rule = fc.record({ threshold, minFraction: fc.oneof(fc.constantFrom(0, 0.3, 1 / 3, 0.5, 1), threshold) });

/** Headers that tables escape, duplicates, empty ones; letters in which a `>` may start a line of the output. */
const header = fc.oneof(
  fc.constantFrom(
    'a',
    'a twice',
    '=1+1',
    "'quoted'",
    'back\\slash\tand tab',
    'Δ-phage é',
    '',
    '#x',
    '\u0001\u2028',
    ' b',
  ),
  fc.string({ maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, '')),
);
const letters = fc.oneof(
  fc.stringMatching(/^[ACGTacgtN]{0,45}$/),
  fc.integer({ min: 0, max: 200 }).map((length) => 'ACGT>'.repeat(40).slice(0, length)),
);
/** A FASTA file of a few records. */
export const fasta = fc
  .array(fc.tuple(header, letters), { maxLength: 8 })
  .map((records) => records.map(([name, bases]) => `>${name}\n${bases}\n`).join(''));
