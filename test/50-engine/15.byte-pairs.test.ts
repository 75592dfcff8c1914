import assert from 'node:assert/strict';
import fc from 'fast-check';
import { loadAddon } from '../../lib/engine/libtorch/load.js';

const SPECIAL = ['[UNK]', '[CLS]', '[SEP]'];
const [UNKNOWN, PREFIX, SUFFIX] = [0, 1, 2];

interface Vocabulary {
  readonly tokens: string[];
  /** Left, right and merged id, by rank. */
  readonly merges: [number, number, number][];
  /** Characters per word; 0: adjacent characters form one word. */
  readonly wordLength: number;
  /** Whether a word that is a token becomes that token. */
  readonly wholeWords: boolean;
}

/**
 * Any vocabulary over some letters, including those that no training produces: with a token made by several merges, and
 * with merges of tokens that only a later merge makes.
 */
const vocabularies: fc.Arbitrary<Vocabulary> = fc
  .record({
    letters: fc.integer({ min: 1, max: 4 }),
    pairs: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 60 }),
    order: fc.infiniteStream(fc.nat()),
    shuffled: fc.boolean(),
    wordLength: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 8 })),
    wholeWords: fc.boolean(),
  })
  .map(({ letters, pairs, order, shuffled, wordLength, wholeWords }) => {
    const tokens = [...SPECIAL, ...'ACGT'.slice(0, letters)];
    const merges: Vocabulary['merges'] = [];
    for (const [first, second] of pairs) {
      const [left, right] = [first, second].map(
        (number) => SPECIAL.length + (number % (tokens.length - SPECIAL.length)),
      );
      const text = tokens[left!]! + tokens[right!]!;
      if (text.length > 16) continue;
      if (!tokens.includes(text)) tokens.push(text);
      merges.push([left!, right!, tokens.indexOf(text)]);
    }
    if (shuffled) {
      const keys = new Map(merges.map((merge) => [merge, order.next().value as number]));
      merges.sort((a, b) => keys.get(a)! - keys.get(b)!);
    }
    return { tokens, merges, wordLength, wholeWords };
  });

function encodeNaively(vocabulary: Vocabulary, text: string): number[] {
  const { wordLength } = vocabulary;
  const words = wordLength === 0 ? [text] : (text.match(new RegExp(`.{1,${wordLength}}`, 'g')) ?? []);
  return [PREFIX, ...words.flatMap((word) => wordTokens(vocabulary, word)), SUFFIX];
}

/** The definition: repeatedly apply the merge of the lowest rank, leftmost first. */
function wordTokens({ tokens, merges, wholeWords }: Vocabulary, text: string): number[] {
  if (wholeWords && tokens.includes(text)) return [tokens.indexOf(text)];
  // A pair that is listed twice has the later rank.
  const ranks = new Map(merges.map(([left, right], rank) => [`${left} ${right}`, rank]));
  const ids = [...text].map((letter) => Math.max(UNKNOWN, tokens.indexOf(letter)));
  for (;;) {
    let lowest = Infinity;
    let at = -1;
    for (let index = 0; index + 1 < ids.length; index++) {
      const rank = ranks.get(`${ids[index]} ${ids[index + 1]}`) ?? Infinity;
      if (rank < lowest) [lowest, at] = [rank, index];
    }
    if (at < 0) return ids;
    ids.splice(at, 2, merges[lowest]![2]);
  }
}

const texts = fc.array(
  fc.array(fc.constantFrom(...'ACGTACGTACGTN'), { maxLength: 120 }).map((letters) => letters.join('')),
  { minLength: 1, maxLength: 4 },
);

describe('the byte-pair encoder', () => {
  it('merges the lowest rank first, the leftmost among equals, whatever the vocabulary', () => {
    const { BytePairTokenizer } = loadAddon().addon;
    fc.assert(
      fc.property(vocabularies, texts, (vocabulary, sequences) => {
        const ids = { unknown: UNKNOWN, prefix: PREFIX, suffix: SUFFIX };
        const merges = Int32Array.from(vocabulary.merges.flat());
        const tokenizer = new BytePairTokenizer({ ...vocabulary, merges, ...ids });
        const offsets = new Int32Array(sequences.length + 1);
        sequences.forEach((text, index) => (offsets[index + 1] = offsets[index]! + text.length));
        const packed = tokenizer.encode(Buffer.from(sequences.join('')), offsets);
        const expected = sequences.map((text) => encodeNaively(vocabulary, text));
        assert.deepEqual([...packed.tokens], expected.flat());
        assert.deepEqual(
          sequences.map((_, index) => packed.offsets[index + 1]! - packed.offsets[index]!),
          expected.map(({ length }) => length),
        );
      }),
      { numRuns: 5000 },
    );
  });
});
