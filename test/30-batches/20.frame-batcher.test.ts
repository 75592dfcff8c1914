import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameBatcher } from '../../lib/batches/frame-batcher.js';
import type { FrameBatch } from '../../lib/batches/frame-batcher.js';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import { encodeProteins } from '../../lib/batches/tokens.js';
import { RunTokenizer, proteinTable } from './letter-tokens.js';

interface Frame {
  protein: Uint8Array;
  nucleotide: Uint8Array;
}

interface Budgets {
  proteinTokens: number;
  dnaTokens: number;
}

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

function batcher(budgets: Budgets, dnaTokenizer = new RunTokenizer()): FrameBatcher {
  return new FrameBatcher({ ...budgets, dnaTokenizer, proteinTable });
}

/** A frame whose protein takes `protein` tokens and whose bases take `dna` tokens, both at least 3. */
function frameOf(protein: number, dna: number): Frame {
  const runs = Array.from({ length: dna - 2 }, (_, index) => (index % 2 === 0 ? 'A' : 'CC'));
  return { protein: bytes('M'.repeat(protein - 2)), nucleotide: bytes(runs.join('')) };
}

function batchesOf(frames: readonly Frame[], budgets: Budgets): FrameBatch[] {
  const packer = batcher(budgets);
  const batches = frames.flatMap((frame, tag) => packer.add(tag, frame));
  return [...batches, ...packer.flush()];
}

/** Assigns frames to batches by the budgets, one frame after another. */
function tagsNaively(frames: readonly Frame[], { proteinTokens, dnaTokens }: Budgets): number[][] {
  const batches: number[][] = [];
  let protein = Infinity;
  let dna = Infinity;
  frames.forEach((frame, tag) => {
    const proteinSize = encodeProteins([frame.protein], proteinTable).tokens.length;
    const dnaSize = encodeOne(frame.nucleotide).length;
    protein += proteinSize;
    dna += dnaSize;
    if (protein <= proteinTokens && dna <= dnaTokens) return void batches.at(-1)!.push(tag);
    batches.push([tag]);
    protein = proteinSize;
    dna = dnaSize;
  });
  return batches;
}

function encodeOne(nucleotide: Uint8Array): Int32Array {
  return new RunTokenizer().encode(nucleotide, Int32Array.of(0, nucleotide.length)).tokens;
}

function sequences({ tokens, offsets }: PackedTokens): number[][] {
  assert.equal(offsets[0], 0);
  assert.equal(offsets.at(-1), tokens.length);
  return Array.from({ length: offsets.length - 1 }, (_, index) => [
    ...tokens.slice(offsets[index], offsets[index + 1]),
  ]);
}

const letters = (alphabet: string, maxLength: number) =>
  fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength }).map((parts) => bytes(parts.join('')));
const anyFrames = fc.array(fc.record({ protein: letters('LAGVMK', 20), nucleotide: letters('ACGT', 60) }), {
  maxLength: 40,
});
const anyBudgets = fc.record({
  proteinTokens: fc.integer({ min: 1, max: 80 }),
  dnaTokens: fc.integer({ min: 1, max: 150 }),
});

describe('a batch of frames', () => {
  it('holds as many frames as fit both budgets', () => {
    const frames = [frameOf(4, 3), frameOf(4, 3), frameOf(4, 3), frameOf(3, 8), frameOf(3, 8), frameOf(3, 3)];
    const tags = batchesOf(frames, { proteinTokens: 8, dnaTokens: 11 }).map((batch) => batch.tags);
    assert.deepEqual(tags, [
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
  });

  for (const [what, long] of [
    ['protein', frameOf(20, 3)],
    ['bases', frameOf(3, 20)],
  ] as const) {
    it(`is one frame when its ${what} alone take more than the budget`, () => {
      const frames = [frameOf(3, 3), long, frameOf(3, 3), frameOf(3, 3)];
      const tags = batchesOf(frames, { proteinTokens: 10, dnaTokens: 10 }).map((batch) => batch.tags);
      assert.deepEqual(tags, [[0], [1], [2, 3]]);
    });
  }

  it('has both encodings of its frames, in the order of arrival', () => {
    fc.assert(
      fc.property(anyFrames, anyBudgets, (frames, budgets) => {
        const batches = batchesOf(frames, budgets);
        assert.deepEqual(
          batches.map(({ tags }) => tags),
          tagsNaively(frames, budgets),
        );
        for (const { tags, tokens } of batches) {
          assert.deepEqual(
            sequences(tokens.dna),
            tags.map((tag) => [...encodeOne(frames[tag]!.nucleotide)]),
          );
          const proteins = tags.map((tag) => [...encodeProteins([frames[tag]!.protein], proteinTable).tokens]);
          assert.deepEqual(sequences(tokens.protein), proteins);
        }
      }),
    );
  });

  it('keeps the budgets unless it is one frame', () => {
    fc.assert(
      fc.property(anyFrames, anyBudgets, (frames, budgets) => {
        for (const { tags, tokens } of batchesOf(frames, budgets)) {
          const kept =
            tokens.dna.tokens.length <= budgets.dnaTokens && tokens.protein.tokens.length <= budgets.proteinTokens;
          assert.ok(kept || tags.length === 1);
        }
      }),
    );
  });

  // Frames of some thousand bases fill the block that is tokenized at a time many times over.
  const manyFrames = (count: number) =>
    Array.from({ length: count }, (_, index) => frameOf(3 + ((index * 37) % 400), 3 + ((index * 101) % 1500)));

  it('may span what was tokenized in different calls, and does not depend on where the calls were', () => {
    const frames = manyFrames(400);
    const budgets = { proteinTokens: 3072, dnaTokens: 20_000 };
    const tokenizer = new RunTokenizer();
    const packer = batcher(budgets, tokenizer);
    const batches = frames.flatMap((frame, tag) => packer.add(tag, frame));
    batches.push(...packer.flush());
    assert.ok(tokenizer.calls.length > 3 && tokenizer.calls.length < 20, `${tokenizer.calls.length} calls`);
    assert.equal(
      tokenizer.calls.reduce((sum, count) => sum + count),
      frames.length,
    );
    assert.deepEqual(
      batches.map(({ tags }) => tags),
      tagsNaively(frames, budgets),
    );
    for (const { tags, tokens } of batches) {
      assert.deepEqual(
        sequences(tokens.dna),
        tags.map((tag) => [...encodeOne(frames[tag]!.nucleotide)]),
      );
    }
  });

  it('comes before the end when there is enough for it', () => {
    const frames = manyFrames(400);
    const packer = batcher({ proteinTokens: 3072, dnaTokens: 20_000 });
    assert.ok(frames.some((frame, tag) => packer.add(tag, frame).length > 0));
  });

  it('carries the tags that its frames were added with', () => {
    const packer = batcher({ proteinTokens: 100, dnaTokens: 100 });
    for (const tag of [7, 7, 2 ** 40, -1]) packer.add(tag, frameOf(3, 3));
    assert.deepEqual(
      packer.flush().map(({ tags }) => tags),
      [[7, 7, 2 ** 40, -1]],
    );
  });
});

describe('a batcher', () => {
  it('has nothing to flush without frames, nor twice, and can be used on', () => {
    const packer = batcher({ proteinTokens: 10, dnaTokens: 10 });
    assert.deepEqual(packer.flush(), []);
    packer.add(1, frameOf(3, 3));
    assert.equal(packer.flush().length, 1);
    assert.deepEqual(packer.flush(), []);
    packer.add(2, frameOf(3, 3));
    assert.deepEqual(
      packer.flush().map(({ tags }) => tags),
      [[2]],
    );
  });

  it('needs budgets of at least one token', () => {
    for (const budget of [0, -1, NaN]) {
      assert.throws(() => batcher({ proteinTokens: budget, dnaTokens: 1 }), {
        code: 'VNP_ARGUMENT',
        message: /proteinTokens/,
      });
      assert.throws(() => batcher({ proteinTokens: 1, dnaTokens: budget }), {
        code: 'VNP_ARGUMENT',
        message: /dnaTokens/,
      });
    }
  });
});
