import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { encodeProteins } from '../../lib/batches/tokens.js';
import type { BytePairVocabulary } from '../../lib/engine/addon.js';
import { parseTokenizer, PROTEIN_TOKENS } from '../../lib/models/tokenizers.js';
import { randomTokenizer } from '../../lib/models/random/random-contents.js';
import { fixture } from '../repository.js';
import { fails, succeedsOrExplains } from './failures.js';

type Json = Record<string, unknown>;
const golden = readFileSync(fixture('golden', 'dnabert', 'tokenizer.json'), 'utf8');

/** Merges the pair of the lowest rank, leftmost first, until there is none: slow, but by definition. */
function encode({ tokens, merges, unknown, prefix, suffix }: BytePairVocabulary, text: string): number[] {
  let ids = [...text].map((letter) => Math.max(tokens.indexOf(letter), -1)).map((id) => (id < 0 ? unknown : id));
  for (let rank = 0; rank < merges.length / 3; rank++) {
    const [left, right, merged] = merges.subarray(3 * rank, 3 * rank + 3);
    const next: number[] = [];
    for (let at = 0; at < ids.length; at++) {
      const isPair = ids[at] === left && ids[at + 1] === right;
      next.push(isPair ? merged! : ids[at]!);
      if (isPair) at++;
    }
    ids = next;
  }
  return [prefix, ...ids, suffix];
}

describe('a byte-pair tokenizer', () => {
  it('is read so that its ids are those of the tokenizers library', () => {
    const vocabulary = parseTokenizer(golden, 'tokenizer.json');
    const cases = JSON.parse(readFileSync(fixture('golden', 'dnabert', 'tokenizer_cases.json'), 'utf8')) as {
      text: string;
      ids: number[];
    }[];
    const words = cases.filter(({ text }) => /^[A-Za-z]+$/.test(text) && text.length < 600);
    assert.ok(words.length > 50);
    for (const { text, ids } of words) assert.deepEqual(encode(vocabulary, text), ids, text);
  });

  it('may write its merges as texts', () => {
    const file = JSON.parse(golden) as { model: { merges: [string, string][] } };
    const merges = file.model.merges.map((pair) => pair.join(' '));
    const older = parseTokenizer(JSON.stringify({ ...file, model: { ...file.model, merges } }), 'x');
    assert.deepEqual(older, parseTokenizer(golden, 'x'));
  });

  const file = JSON.parse(golden) as Json;
  const model = file['model'] as Json;
  const vocab = model['vocab'] as Record<string, number>;
  const template = file['post_processor'] as Json;
  const single = template['single'] as unknown[];
  const withModel = (changes: Json): Json => ({ ...file, model: { ...model, ...changes } });

  const refused: [string, RegExp, unknown][] = [
    ['a normalizer', /the normalizer is Lowercase/, { ...file, normalizer: { type: 'Lowercase' } }],
    ['another pre_tokenizer', /the pre_tokenizer is ByteLevel/, { ...file, pre_tokenizer: { type: 'ByteLevel' } }],
    ['no pre_tokenizer', /the pre_tokenizer is none/, { ...file, pre_tokenizer: null }],
    ['another model', /the model type is "WordPiece"/, withModel({ type: 'WordPiece' })],
    ['dropout', /dropout is 0\.1/, withModel({ dropout: 0.1 })],
    ['byte_fallback', /byte_fallback is true/, withModel({ byte_fallback: true })],
    ['ignore_merges', /ignore_merges is 1/, withModel({ ignore_merges: 1 })],
    ['words of no length', /words of length 0/, { ...file, pre_tokenizer: { type: 'FixedLength', length: 0 } }],
    ['fuse_unk', /fuse_unk is true/, withModel({ fuse_unk: true })],
    ['a prefix of subwords', /continuing_subword_prefix is "##"/, withModel({ continuing_subword_prefix: '##' })],
    ['a suffix of words', /end_of_word_suffix/, withModel({ end_of_word_suffix: '</w>' })],
    ['no unknown token', /no token for unknown letters/, withModel({ unk_token: null })],
    ['no vocabulary', /has no vocab/, withModel({ vocab: undefined })],
    ['an id that is no number', /the id "5"/, withModel({ vocab: { ...vocab, A: '5' } })],
    ['an id twice', /to two tokens/, withModel({ vocab: { ...vocab, A: vocab['C'] } })],
    ['a gap in the ids', /but the id 9999/, withModel({ vocab: { ...vocab, A: 9999 } })],
    ['a merge of unknown tokens', /merges to "N"/, withModel({ merges: [['N', 'A']] })],
    ['a merge to an unknown token', /which is not a token/, withModel({ merges: [['ATGACC', 'ATGACC']] })],
    ['a merge that is no pair', /is not a pair/, withModel({ merges: ['A C G'] })],
    ['no post_processor', /the post_processor is none/, { ...file, post_processor: null }],
    ['another template', /the template/, { ...file, post_processor: { ...template, single: single.slice(1) } }],
    [
      'an unknown special token',
      /unknown token "\[CLS\]"/,
      { ...file, post_processor: { ...template, special_tokens: {} } },
    ],
    [
      'an added token spelled like a sequence',
      /the added token is "AC"/,
      { ...file, added_tokens: [{ id: 5, content: 'AC' }] },
    ],
    ['an added token with another id', /two ids/, { ...file, added_tokens: [{ id: 9, content: '[CLS]' }] }],
    ['a list', /not a JSON object/, []],
  ];
  it('is read with words of one length, which may be tokens whatever the merges are', () => {
    const changed = { ...withModel({ ignore_merges: true }), pre_tokenizer: { type: 'FixedLength', length: 6 } };
    const { wordLength, wholeWords } = parseTokenizer(JSON.stringify(changed), 'tokenizer.json');
    assert.deepEqual({ wordLength, wholeWords }, { wordLength: 6, wholeWords: true });
  });

  for (const [what, words, changed] of refused) {
    it(`is refused with ${what}`, () =>
      fails('VNP_CHECKPOINT', words, () => parseTokenizer(JSON.stringify(changed), 'tokenizer.json')));
  }

  it('is read or refused whatever the file is', async () => {
    await fails('VNP_CHECKPOINT', /x: the tokenizer is not valid JSON/, () => parseTokenizer('{', 'x'));
    const field = fc.constantFrom('normalizer', 'pre_tokenizer', 'post_processor', 'added_tokens', 'model');
    await fc.assert(
      fc.asyncProperty(field, fc.jsonValue({ maxDepth: 4 }), (name, value) =>
        succeedsOrExplains(() => parseTokenizer(JSON.stringify({ ...file, [name]: value }), 'x')),
      ),
    );
  });
});

describe('a random tokenizer', () => {
  const text = randomTokenizer(4096, 7);

  it('has every token once, and one merge a token', () => {
    const { tokens, merges, unknown, prefix, suffix } = parseTokenizer(text, 'x');
    assert.equal(tokens.length, 4096);
    assert.deepEqual(tokens.slice(0, 9), ['[UNK]', '[CLS]', '[SEP]', '[PAD]', '[MASK]', 'A', 'C', 'G', 'T']);
    assert.equal(new Set(tokens).size, 4096);
    assert.equal(merges.length, 3 * (4096 - 9));
    assert.deepEqual([unknown, prefix, suffix], [0, 1, 2]);
    assert.ok(tokens.slice(5).every((token) => /^[ACGT]+$/.test(token)));
  });

  it('is the same for the same seed only', () => {
    assert.equal(randomTokenizer(200, 7), randomTokenizer(200, 7));
    assert.notEqual(randomTokenizer(200, 7), randomTokenizer(200, 8));
  });

  it('makes tokens of several bases', () => {
    const vocabulary = parseTokenizer(text, 'x');
    const bases = 'ACGTTGCATTGACCGATAGGCTAACCGGTTAACGATCGATTACGCCGGATATCGCGTACCATGGTACCTTGGAACCGTAGC'.repeat(5);
    const tokens = encode(vocabulary, bases).length - 2;
    assert.ok(bases.length / tokens > 3 && bases.length / tokens < 7, `${bases.length / tokens} bases a token`);
  });
});

describe('the protein alphabet', () => {
  it("gives fair-esm's ids", () => {
    const { sequences, tokens } = JSON.parse(readFileSync(fixture('golden', 'esm2', 'inputs.json'), 'utf8')) as {
      sequences: Record<string, string>;
      tokens: Record<string, number[]>;
    };
    for (const [name, sequence] of Object.entries(sequences)) {
      assert.deepEqual([...encodeProteins([Buffer.from(sequence)], PROTEIN_TOKENS).tokens], tokens[name], name);
    }
  });

  it("gives transformers' ids", () => {
    const vocabulary = readFileSync(fixture('golden', 'esm2', 'hf', 'vocab.txt'), 'utf8')
      .trim()
      .split('\n');
    assert.equal(vocabulary.length, 33);
    for (const [id, token] of vocabulary.entries()) {
      if (token.length === 1) assert.equal(PROTEIN_TOKENS[token.charCodeAt(0)], id, token);
    }
    assert.equal(
      PROTEIN_TOKENS.filter((id) => id < 33).length,
      vocabulary.filter((token) => token.length === 1).length,
    );
  });

  it('has no token for other letters', async () => {
    for (const letter of 'J*a\n') {
      await fails('VNP_ARGUMENT', /letters of the alphabet/, () =>
        encodeProteins([Buffer.from(`M${letter}`)], PROTEIN_TOKENS),
      );
    }
  });
});
