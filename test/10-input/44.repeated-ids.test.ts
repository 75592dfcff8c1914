import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RepeatedIds } from '../../lib/input/repeated-ids.js';

const SO_THAT =
  'so rows can be distinguished only by source and record, and those of the classic files (prediction_results*) not at all';

function warningsOf(records: readonly (readonly [id: string, source: string])[], mostIds?: number): readonly string[] {
  const ids = new RepeatedIds(mostIds);
  for (const [id, source] of records) ids.enter(id, source);
  return ids.warnings;
}

describe('ids that come more than once', () => {
  it('are named with the inputs that they come from, of one input or of several', () => {
    const warnings = warningsOf([
      ['k141_0', 'soil.fa'],
      ['k141_1', 'soil.fa'],
      ['k141_1', 'soil.fa'],
      ['other', 'soil.fa'],
      ['k141_2', '-'],
      ['k141_0', 'line\nend.fa'],
      ['k141_1', 'line\nend.fa'],
      ['k141_2', 'line\nend.fa'],
    ]);
    assert.deepEqual(warnings, [
      `3 ids occur more than once, ${SO_THAT}: k141_1 (soil.fa, "line\\nend.fa"), k141_0 (soil.fa, "line\\nend.fa"), ` +
        'k141_2 (standard input, "line\\nend.fa")',
    ]);
  });

  it('may be empty, long or odd, and are one line', () => {
    const ids = ['', 'x'.repeat(1_000_000), 'tab\there'];
    assert.deepEqual(warningsOf([...ids, ...ids].map((id) => [id, 'a.fa'])), [
      `3 ids occur more than once, ${SO_THAT}: the empty id (a.fa), ${'x'.repeat(80)}… (a.fa), "tab\\there" (a.fa)`,
    ]);
    assert.deepEqual(warningsOf([['', 'a.fa']]), []);
    assert.match(warningsOf(['', ''].map((id) => [id, 'a.fa']))[0]!, /^1 id occurs more than once, .*: the empty id/);
  });

  it('are at most five examples of three inputs each, and the count', () => {
    const inputs = Array.from({ length: 12 }, (_, index) => `${index}.fa`);
    const records = inputs.flatMap((input) => ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => [id, input] as const));
    const sources = '(0.fa, 1.fa, 2.fa and 9 more)';
    assert.deepEqual(warningsOf(records), [
      `7 ids occur more than once, ${SO_THAT}: ${['a', 'b', 'c', 'd', 'e'].map((id) => `${id} ${sources}`).join(', ')} and 2 more`,
    ]);
  });

  it('are counted as they are, however many and alike they are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', '\0'), maxLength: 6 }), fc.string()), {
          minLength: 1,
          maxLength: 3000,
          size: 'max',
        }),
        (ids) => {
          const times = new Map<string, number>();
          for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1);
          const repeated = [...times.values()].filter((count) => count > 1).length;
          const [warning] = warningsOf(ids.map((id) => [id, 'a.fa']));
          assert.equal(Number(/^\d+/.exec(warning ?? '0')![0]), repeated);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are told from 400,000 others that differ from them in a few characters', () => {
    const records = Array.from({ length: 400_000 }, (_, index) => [`k141_${index}`, 'a.fa'] as const);
    assert.deepEqual(warningsOf(records), []);
    const padded = records.map(([, source], index) => [String(index).padStart(40, '0'), source] as const);
    assert.match(warningsOf([...padded, padded[77]!])[0]!, /^1 id occurs more than once, .*: 0{38}77 \(a\.fa\)$/);
  });

  it('are not looked for past the most ids, and that is said', () => {
    const unique = Array.from({ length: 2000 }, (_, index) => [`c${index}`, 'a.fa'] as const);
    assert.deepEqual(warningsOf(unique, 2000), []);
    // Known ids need no room, and come first.
    const records = [...unique, unique[5]!, ['new', 'b.fa'] as const, unique[6]!, ['new', 'b.fa'] as const];
    const [repeated, end, ...others] = warningsOf(records, 2000);
    assert.match(repeated!, /^1 id occurs more than once, .*: c5 \(a\.fa\)$/);
    assert.equal(end, 'ids are compared only up to record 2001; repeats after that are not reported');
    assert.deepEqual(others, []);
  });

  it('are still told when no more records come', () => {
    const ids = new RepeatedIds();
    for (const source of ['a.fa', 'b.fa']) ids.enter('x', source);
    const before = ids.warnings;
    ids.end();
    assert.deepEqual(ids.warnings, before);
    assert.equal(before.length, 1);
  });
});
