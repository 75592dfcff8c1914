import type { BytePairVocabulary } from '../engine/addon.js';
import { VirnucproError } from '../errors.js';
import { isJsonObject, parseStrictJson, property } from './json.js';
import type { JsonObject } from './json.js';
import { escaped } from './checkpoint/checkpoint-file.js';
import { NOT_IN_ALPHABET } from '../batches/tokens.js';

/** A flaw in the file, in words that complete "the tokenizer …". */
class TokenizerFlaw extends Error {}

/** Longer than the words of any DNA tokenizer. */
const MAX_WORD = 1_000_000;

/** More tokens than any DNA tokenizer has; the native encoder keeps a table of this size. */
const MAX_VOCABULARY = 1_000_000;

/**
 * Reads a `tokenizer.json` of the `tokenizers` library: byte pairs, no normalizer, words that are separated by white
 * space, as in DNABERT-2 and DNABERT-S, or all of one length, and [CLS] and [SEP] around a sequence. Any setting that
 * would make the encoder give other ids than the library is refused by name. `truncation` and `padding` are ignored: a
 * sequence is encoded whole and alone, as transformers does by default.
 *
 * @param source the file's name, for messages
 * @throws VNP_CHECKPOINT
 */
export function parseTokenizer(text: string, source: string): BytePairVocabulary {
  try {
    const file = object(parseStrictJson(text), 'is not a JSON object');
    refuseNormalizer(file);
    const model = object(property(file, 'model'), 'has no model');
    refuseModelSettings(model);
    const ids = readVocabulary(model);
    addSpecialTokens(file, ids);
    return {
      tokens: tokensById(ids),
      merges: readMerges(model, ids),
      unknown: readUnknown(model, ids),
      wordLength: readWordLength(file),
      wholeWords: property(model, 'ignore_merges') === true,
      ...readTemplate(file, ids),
    };
  } catch (error) {
    if (error instanceof VirnucproError) throw error;
    throw new VirnucproError('VNP_CHECKPOINT', `${source}: the tokenizer ${wording(error as Error)}`, { cause: error });
  }
}

function wording(error: Error): string {
  return error instanceof TokenizerFlaw ? error.message : `is ${error.message}`;
}

function object(value: unknown, flaw: string): JsonObject {
  if (!isJsonObject(value)) throw new TokenizerFlaw(flaw);
  return value;
}

function refuseNormalizer(file: JsonObject): void {
  const normalizer = property(file, 'normalizer') ?? null;
  if (normalizer !== null) throw unsupported('the normalizer', typeOf(normalizer));
}

function readWordLength(file: JsonObject): number {
  const split = property(file, 'pre_tokenizer');
  const type = typeOf(split);
  if (type === 'Whitespace') return 0;
  if (type !== 'FixedLength') {
    throw unsupported('the pre_tokenizer', type, 'Whitespace and FixedLength are supported');
  }
  const length = property(split as JsonObject, 'length');
  if (typeof length === 'number' && Number.isInteger(length) && length >= 1 && length <= MAX_WORD) return length;
  throw new TokenizerFlaw(`has words of length ${show(length)}`);
}

function refuseModelSettings(model: JsonObject): void {
  const type = property(model, 'type');
  // Files of the library's first versions leave it out; then the merges show that it is a byte-pair model.
  if (type !== 'BPE' && !(type === undefined && Array.isArray(property(model, 'merges')))) {
    throw unsupported('the model type', show(type), 'BPE is supported');
  }
  const allowed: [string, readonly unknown[]][] = [
    ['dropout', [null, undefined, 0]],
    ['continuing_subword_prefix', [null, undefined, '']],
    ['end_of_word_suffix', [null, undefined, '']],
    ['fuse_unk', [false, undefined]],
    ['byte_fallback', [false, undefined]],
    ['ignore_merges', [false, true, undefined]],
  ];
  for (const [name, values] of allowed) {
    const value = property(model, name);
    if (!values.includes(value)) throw unsupported(`the setting ${name}`, show(value));
  }
}

function readVocabulary(model: JsonObject): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(object(property(model, 'vocab'), 'has no vocab'))) addToken(ids, token, id);
  return ids;
}

function addToken(ids: Map<string, number>, token: string, id: unknown): void {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MAX_VOCABULARY) {
    throw new TokenizerFlaw(`gives the token ${show(token)} the id ${show(id)}`);
  }
  ids.set(token, id);
}

/** Added tokens are matched in the text before anything else, so they must not look like sequences. */
function addSpecialTokens(file: JsonObject, ids: Map<string, number>): void {
  const added = property(file, 'added_tokens') ?? [];
  if (!Array.isArray(added)) throw new TokenizerFlaw('has added_tokens that are not a list');
  for (const entry of added) {
    const token = object(entry, 'has an added token that is not an object');
    const content = property(token, 'content');
    const id = property(token, 'id');
    if (typeof content !== 'string' || !/[^A-Za-z]/.test(content)) throw unsupported('the added token', show(content));
    const known = ids.get(content);
    if (known !== undefined && known !== id) throw new TokenizerFlaw(`gives the token ${show(content)} two ids`);
    addToken(ids, content, id);
  }
}

function tokensById(ids: ReadonlyMap<string, number>): string[] {
  const tokens = new Array<string | undefined>(ids.size).fill(undefined);
  for (const [token, id] of ids) {
    if (id >= tokens.length) throw new TokenizerFlaw(`has ${ids.size} tokens, but the id ${id}`);
    if (tokens[id] !== undefined) throw new TokenizerFlaw(`gives the id ${id} to two tokens`);
    tokens[id] = token;
  }
  return tokens as string[];
}

function readMerges(model: JsonObject, ids: ReadonlyMap<string, number>): Int32Array {
  const merges = property(model, 'merges');
  if (!Array.isArray(merges) || merges.length > MAX_VOCABULARY) throw new TokenizerFlaw('has no valid merges');
  const triples = new Int32Array(3 * merges.length);
  for (const [rank, merge] of merges.entries()) {
    const [left, right] = pairOf(merge);
    for (const [part, token] of [left, right, left + right].entries()) {
      const id = ids.get(token);
      if (id === undefined) throw new TokenizerFlaw(`merges to ${show(token)}, which is not a token`);
      triples[3 * rank + part] = id;
    }
  }
  return triples;
}

/** `["A", "C"]`, or in older files `"A C"`. */
function pairOf(merge: unknown): [string, string] {
  const parts: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
  const [left, right] = parts;
  if (parts.length !== 2 || typeof left !== 'string' || typeof right !== 'string' || left === '' || right === '') {
    throw new TokenizerFlaw(`has the merge ${show(merge)}, which is not a pair`);
  }
  return [left, right];
}

function readUnknown(model: JsonObject, ids: ReadonlyMap<string, number>): number {
  const token = property(model, 'unk_token');
  const id = typeof token === 'string' ? ids.get(token) : undefined;
  if (id === undefined) throw new TokenizerFlaw(`has no token for unknown letters (unk_token ${show(token)})`);
  return id;
}

function readTemplate(file: JsonObject, ids: ReadonlyMap<string, number>): { prefix: number; suffix: number } {
  const processor = property(file, 'post_processor');
  if (typeOf(processor) !== 'TemplateProcessing') {
    throw unsupported('the post_processor', typeOf(processor), 'TemplateProcessing is supported');
  }
  const single = property(processor as JsonObject, 'single');
  const pieces: unknown[] = Array.isArray(single) ? single : [];
  const special = object(property(processor as JsonObject, 'special_tokens'), 'has no special_tokens');
  const sequence = isJsonObject(pieces[1]) ? property(pieces[1], 'Sequence') : undefined;
  if (pieces.length !== 3 || !isJsonObject(sequence) || property(sequence, 'id') !== 'A') {
    throw unsupported('the template', show(single), 'one token, the sequence, one token is supported');
  }
  return { prefix: specialId(pieces[0], special, ids), suffix: specialId(pieces[2], special, ids) };
}

function specialId(piece: unknown, special: JsonObject, ids: ReadonlyMap<string, number>): number {
  const token = isJsonObject(piece) ? property(piece, 'SpecialToken') : undefined;
  const name = isJsonObject(token) ? property(token, 'id') : undefined;
  const entry = typeof name === 'string' ? property(special, name) : undefined;
  const list = isJsonObject(entry) ? property(entry, 'ids') : undefined;
  const id: unknown = Array.isArray(list) && list.length === 1 ? list[0] : undefined;
  if (typeof id !== 'number' || ![...ids.values()].includes(id)) {
    throw new TokenizerFlaw(`has a template with the unknown token ${show(name)}`);
  }
  return id;
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  const type = isJsonObject(value) ? property(value, 'type') : undefined;
  return typeof type === 'string' ? escaped(type.slice(0, 80)) : 'something else';
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : escaped(JSON.stringify(value).slice(0, 80));
}

function unsupported(
  what: string,
  value: string,
  next = 'The ids would differ from those that the model was trained on',
): Error {
  return new VirnucproError(
    'VNP_CHECKPOINT',
    `This is not a tokenizer like that of DNABERT-2: ${what} is ${value}. ${next}`,
  );
}

/** The letters that ESM-2 has tokens for. Lower case letters, `J` and `*` have none. */
export const PROTEIN_LETTERS = 'LAGVSERTIDPKQNFYMHWCXBUZO.-';

/** Rows of ESM-2's token embedding: 4 special tokens, the letters, `<null_1>` and `<mask>`. */
export const PROTEIN_VOCABULARY = 33;

/** `<cls>` 0, `<pad>` 1, `<eos>` 2 and `<unk>` 3 come first. */
const FIRST_LETTER = 4;

/**
 * ESM-2's token for every byte, NOT_IN_ALPHABET for a byte without one. A translated frame has only letters with
 * tokens. In other proteins a letter without a token is an error, as in ESM-2's own code, and is never read as `<unk>`.
 */
export const PROTEIN_TOKENS: Uint8Array = letterTable();

function letterTable(): Uint8Array {
  const table = new Uint8Array(256).fill(NOT_IN_ALPHABET);
  for (let index = 0; index < PROTEIN_LETTERS.length; index++) {
    table[PROTEIN_LETTERS.charCodeAt(index)] = FIRST_LETTER + index;
  }
  return table;
}
