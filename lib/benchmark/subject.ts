import type { BytePairVocabulary, DnabertArchitecture, Esm2Architecture } from '../engine/addon.js';
import { expected } from '../errors.js';
import { DEFAULT_CHUNK_SIZE, DEFAULT_DNA_SIZE, DEFAULT_SEED } from '../models/random/random-model.js';
import { DNABERT_SIZES, ESM2_SIZES } from '../models/random/published-sizes.js';
import { randomTokenizer } from '../models/random/random-contents.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { parseTokenizer } from '../models/tokenizers.js';
import { verifyFiles } from '../models/trust/verify.js';
import type { ResolvedBenchmarkOptions } from './benchmark-options.js';

/** The language model to measure. */
export type Subject = SubjectOf<'protein', Esm2Architecture> | DnaSubject;

interface DnaSubject extends SubjectOf<'dna', DnabertArchitecture> {
  readonly tokenizer: BytePairVocabulary;
}

interface SubjectOf<Part, A> {
  readonly part: Part;
  /** Name of the published size, or of the installed model. */
  readonly name: string;
  readonly architecture: A;
  /** Archive of the installed model; undefined for random weights, whose archive is not written yet. */
  readonly path: string | undefined;
  readonly random: boolean;
  /** Path of the model's card; null for random weights, and if there is none. */
  readonly card: string | null;
  /** Bases of a window. */
  readonly window: number;
}

/** @throws VirnucproError VNP_USAGE, VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_MODEL_UNTRUSTED */
export async function findSubject(options: ResolvedBenchmarkOptions): Promise<Subject> {
  return options.model === undefined ? publishedSize(options) : await installedPart(options.model, options);
}

async function installedPart(name: string, options: ResolvedBenchmarkOptions): Promise<Subject> {
  const { part, models, trust, window, onProgress } = options;
  const registry = new ModelRegistry(modelsFolder(models));
  const model = await registry.findAnyTrusted(name, { trust, parts: [part] });
  const { protein, dna, tokenizer } = model;
  const onRead = (bytes: number): void => onProgress({ step: 'check', bytes });
  const card = model.card?.path ?? null;
  const chunkSize = model.classifier ? model.chunkSize : DEFAULT_CHUNK_SIZE;
  const common = { name: model.name, random: model.random, card, window: window ?? chunkSize };
  if (part === 'protein' && protein) {
    await verifyFiles([protein], { onRead });
    return { ...common, part, architecture: protein.architecture, path: protein.path };
  }
  if (part === 'dna' && dna && tokenizer) {
    await verifyFiles([dna], { onRead });
    return { ...common, part, architecture: dna.architecture, path: dna.path, tokenizer };
  }
  throw expected('VNP_USAGE', `a model with a ${part} part`, 'a benchmark', `${name}, which has none`);
}

function publishedSize({
  part,
  size = DEFAULT_DNA_SIZE,
  window = DEFAULT_CHUNK_SIZE,
}: ResolvedBenchmarkOptions): Subject {
  const common = { path: undefined, random: true, card: null, window };
  if (part === 'protein') return { ...common, part, ...named(ESM2_SIZES, size, 'ESM-2') };
  const chosen = named(DNABERT_SIZES, size, 'DNABERT');
  const text = randomTokenizer(chosen.architecture.vocabulary, DEFAULT_SEED);
  return { ...common, part, ...chosen, tokenizer: parseTokenizer(text, 'the random tokenizer') };
}

/** The size with this name, or with this word in its name: `150M` is `esm2_t30_150M_UR50D`. */
function named<A>(
  sizes: ReadonlyMap<string, { readonly architecture: A }>,
  word: string,
  family: string,
): { name: string; architecture: A } {
  const fitting = [...sizes].filter(([name]) => name === word || name.split('_').slice(1).includes(word));
  const [found, ...others] = fitting;
  if (found && others.length === 0) return { name: found[0], architecture: found[1].architecture };
  const received = JSON.stringify(word.slice(0, 80));
  throw expected('VNP_USAGE', `one of ${[...sizes.keys()].join(', ')}`, `the size of ${family}`, received);
}
