import { createHash } from 'node:crypto';
import type { Architecture, ArchiveParameter, ParameterShape, ParameterSource } from '../../engine/addon.js';
import { loadAddon } from '../../engine/libtorch/load.js';

/**
 * Scale of the classifier's weights, as a multiple of 1 / sqrt(inputs). With random weights, embeddings of different
 * sequences differ little; at this scale the scores still spread over 0 to 1.
 */
const CLASSIFIER_GAIN = { hidden: 4, output: 8 };

/**
 * Weight of ESM-2's last norm. Means over 20 amino acids have much in common, those over 4096 DNA tokens little. At
 * this weight, similar to trained ones, the common part does not push all scores to one side.
 */
const FINAL_NORM_WEIGHT = 0.25;

/**
 * Random parameters of an architecture: normally distributed, with a deviation that keeps activations as large as in
 * trained models; norms have weight 1 and bias 0. The same seed gives the same weights on every machine.
 */
export function randomParameters(architecture: Architecture, seed: number): ArchiveParameter[] {
  return loadAddon()
    .addon.parametersOf(architecture)
    .map((parameter) => ({
      name: parameter.name,
      shape: parameter.shape,
      source: randomSource(architecture, parameter, derivedSeed(seed, `${architecture.family}.${parameter.name}`)),
    }));
}

function randomSource(architecture: Architecture, parameter: ParameterShape, seed: number): ParameterSource {
  const { name, shape } = parameter;
  if (name === 'final_norm.weight') return { kind: 'constant', value: FINAL_NORM_WEIGHT };
  if (/norm\.(weight|running_var)$/.test(name)) return { kind: 'constant', value: 1 };
  // A type embedding is added to every token alike, and would only make all sequences more alike.
  if (/(bias|running_mean)$/.test(name) || name.startsWith('token_type')) return { kind: 'constant', value: 0 };
  return { kind: 'normal', mean: 0, standardDeviation: deviation(architecture, name, shape.at(-1)!), seed };
}

function deviation(architecture: Architecture, name: string, inputs: number): number {
  if (name.includes('embed')) return 1;
  const unit = 1 / Math.sqrt(inputs);
  if (architecture.family === 'classifier')
    return unit * (name.startsWith('hidden') ? CLASSIFIER_GAIN.hidden : CLASSIFIER_GAIN.output);
  // Each layer adds little to the residual stream, so that the sum does not grow with the number of layers.
  const isAdded = /\.(attention_output|down)\.weight$/.test(name);
  return isAdded ? unit / Math.sqrt(2 * architecture.layers) : unit;
}

const SPECIAL = ['[UNK]', '[CLS]', '[SEP]', '[PAD]', '[MASK]'];
const BASES = ['A', 'C', 'G', 'T'];

/** Enough bases for the pairs of the last merges still to occur. */
const TRAINING_BASES_PER_TOKEN = 15;
const MERGES_PER_COUNT = 64;

/**
 * Text of a `tokenizer.json` for random weights: byte pairs of A, C, G and T, learned from random DNA, in the layout of
 * DNABERT-S's own. With 4096 tokens, each stands for about 4 bases of random DNA.
 *
 * @param size number of tokens, including special tokens and letters
 */
export function randomTokenizer(size: number, seed: number): string {
  const tokens = [...SPECIAL, ...BASES];
  const merges = learnMerges(tokens, size, seed);
  const ids = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map(addedToken),
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: postProcessor(),
    decoder: null,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '[UNK]',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: ids,
      merges,
    },
  });
}

/**
 * Adds tokens up to `size` by merging the most frequent pairs, many at a time: fast, and close enough to one by one.
 */
function learnMerges(tokens: string[], size: number, seed: number): [string, string][] {
  const merges: [string, string][] = [];
  const known = new Set(tokens);
  let text = randomDna(TRAINING_BASES_PER_TOKEN * size, seed);
  while (tokens.length < size) {
    const before = tokens.length;
    for (const [left, right] of frequentPairs(text, size)) {
      const merged = tokens[left]! + tokens[right]!;
      if (known.has(merged) || tokens.length === size) continue;
      merges.push([tokens[left]!, tokens[right]!]);
      known.add(merged);
      text = mergePair(text, left, right, tokens.push(merged) - 1);
    }
    if (tokens.length === before) throw new Error(`a vocabulary of ${size} tokens is too large for the training text`);
  }
  return merges;
}

function randomDna(bases: number, seed: number): Int32Array {
  const next = seededNumbers(derivedSeed(seed, 'tokenizer'));
  return Int32Array.from({ length: bases }, () => SPECIAL.length + (next() >>> 30));
}

function frequentPairs(text: Int32Array, size: number): [number, number][] {
  const counts = new Map<number, number>();
  for (let at = 1; at < text.length; at++) {
    const pair = text[at - 1]! * size + text[at]!;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  // The first merges change the counts of the other pairs most, so only a few pairs, at most half of them, are taken.
  const taken = Math.max(1, Math.min(MERGES_PER_COUNT, ranked.length >> 1));
  return ranked.slice(0, taken).map(([pair]) => [Math.floor(pair / size), pair % size]);
}

function mergePair(text: Int32Array, left: number, right: number, merged: number): Int32Array {
  let written = 0;
  for (let at = 0; at < text.length; at++) {
    const isPair = text[at] === left && at + 1 < text.length && text[at + 1] === right;
    text[written++] = isPair ? merged : text[at]!;
    if (isPair) at++;
  }
  return text.subarray(0, written);
}

function addedToken(content: string, id: number): object {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function postProcessor(): object {
  const special = (id: string, type_id: number): object => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number): object => ({ Sequence: { id, type_id } });
  const single = [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)];
  const entry = (id: string): object => ({ id, ids: [SPECIAL.indexOf(id)], tokens: [id] });
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, sequence('B', 1), special('[SEP]', 1)],
    special_tokens: { '[CLS]': entry('[CLS]'), '[SEP]': entry('[SEP]') },
  };
}

/** Derives a 48-bit seed from a model's seed and the name of what it is for, so that no two share their numbers. */
export function derivedSeed(seed: number, name: string): number {
  return createHash('sha256').update(`${seed}\0${name}`).digest().readUIntBE(0, 6);
}

/** Uniform whole numbers from 0 to 2^32 - 1, the same on every machine (xorshift32, never seeded with 0). */
export function seededNumbers(seed: number): () => number {
  let state = (seed % 0x1_0000_0000) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
