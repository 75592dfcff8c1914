import type { Addon, Architecture, ClassifierArchitecture, DataType } from '../../engine/addon.js';
import { expected } from '../../errors.js';
import { TOKENIZER_FILE } from '../folder/archive.js';
import { checkChunkSize } from '../import/import-model.js';
import type { AnyModel, OpenedModel } from '../folder/model-folder.js';
import type { ModelRegistry } from '../registry.js';
import { type NewPart, type OnModelProgress, writeModel } from '../folder/write-model.js';
import { CLASSIFIER_HIDDEN, DNABERT_SIZES, ESM2_SIZES } from './published-sizes.js';
import type { NamedSize } from './published-sizes.js';
import { randomParameters, randomTokenizer } from './random-contents.js';

/** Size of the DNA model unless another is named: that of DNABERT-S. */
export const DEFAULT_DNA_SIZE = 'dnabert_s';
/** Bases of a window unless another size is given. */
export const DEFAULT_CHUNK_SIZE = 500;

/** With this seed, the two tiny sizes together give scores on both sides of one half. */
export const DEFAULT_SEED = 9;

interface RandomSettings {
  /** The name to install the model under. */
  readonly name: string;
  /** A whole number; the same seed gives the same weights. Defaults to DEFAULT_SEED. */
  readonly seed?: number;
  /** Data type of the language models in the archives. Defaults to that of the published weights. */
  readonly dtype?: DataType;
  /** Whether an installed model of this name is replaced. Defaults to false. */
  readonly overwrite?: boolean;
  readonly registry: ModelRegistry;
  readonly addon: Pick<Addon, 'writeArchive'>;
  readonly onProgress?: OnModelProgress;
  /**
   * Ends the work at its next step: the promise rejects with the signal's reason, and nothing is installed. Defaults to
   * none.
   */
  readonly signal?: AbortSignal;
}

/** A model for predictions. */
export interface RandomRequest extends RandomSettings {
  /** A name in ESM2_SIZES, e.g. `esm2_t36_3B_UR50D`, or `esm2_tiny`. */
  readonly protein: string;
  /** A name in DNABERT_SIZES. Defaults to `dnabert_s`. */
  readonly dna?: string;
  readonly classifier?: true;
  /** Chunk size: bases of a window. Defaults to 500. */
  readonly chunkSize?: number;
}

/** A model that makes embeddings only: of one language model or of both, without a classifier. */
export interface EmbeddingRandomRequest extends RandomSettings {
  /** A name in ESM2_SIZES. Defaults to none. */
  readonly protein?: string;
  /** A name in DNABERT_SIZES. Defaults to none. */
  readonly dna?: string;
  readonly classifier: false;
  readonly chunkSize?: undefined;
}

/**
 * Makes a model with random weights of a published size and installs it. It takes the time and memory of the real one.
 * Its scores and embeddings mean nothing, and its files say so.
 *
 * @throws VNP_USAGE for an unknown size, an invalid name, seed or chunk size, or parts that make no model
 */
export async function randomModel(request: RandomRequest): Promise<OpenedModel>;
export async function randomModel(request: RandomRequest | EmbeddingRandomRequest): Promise<AnyModel>;
export async function randomModel(request: RandomRequest | EmbeddingRandomRequest): Promise<AnyModel> {
  const { name, seed = DEFAULT_SEED, registry, addon, onProgress, signal, overwrite = false } = request;
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw expected('VNP_USAGE', 'a whole number from 0', 'the seed', String(seed));
  const options = { registry, addon, overwrite, signal, ...(onProgress && { onProgress }) };
  if (request.classifier === false) {
    return writeModel({ name, random: true, parts: embeddingParts(request, seed) }, options);
  }
  const { chunkSize = DEFAULT_CHUNK_SIZE, dtype } = request;
  checkChunkSize(chunkSize);
  const dna = dnaPart(request.dna ?? DEFAULT_DNA_SIZE, dtype, seed);
  const protein = proteinPart(request.protein, dtype, seed);
  const architecture: ClassifierArchitecture = {
    family: 'classifier',
    inputs: dna.architecture.width + protein.architecture.width,
    hidden: CLASSIFIER_HIDDEN,
    batchNormEpsilon: 1e-5,
  };
  const classifier = randomPart({ architecture, dtype: 'float32' }, 'random classifier', seed);
  return writeModel({ name, chunkSize, random: true, parts: { dna, protein, classifier } }, options);
}

/** Also checks callers without a compiler, such as the command. */
function embeddingParts(
  {
    dna,
    protein,
    dtype,
    chunkSize,
  }: { readonly [Name in 'dna' | 'protein' | 'dtype' | 'chunkSize']?: RandomRequest[Name] | undefined },
  seed: number,
): { readonly dna?: NewPart; readonly protein?: NewPart } {
  if (chunkSize !== undefined) {
    throw expected('VNP_USAGE', 'no chunk size', 'a model without a classifier', String(chunkSize), 'Leave it out');
  }
  if (dna === undefined && protein === undefined) {
    throw expected('VNP_USAGE', 'a size of ESM-2, of DNABERT or of both', 'a random model', 'none');
  }
  return {
    ...(dna !== undefined && { dna: dnaPart(dna, dtype, seed) }),
    ...(protein !== undefined && { protein: proteinPart(protein, dtype, seed) }),
  };
}

function dnaPart(name: string, dtype: DataType | undefined, seed: number) {
  const size = sizeOf(DNABERT_SIZES, name, 'the DNA part');
  const tokenizer = randomTokenizer(size.architecture.vocabulary, seed);
  return { ...randomPart(size, name, seed, dtype), extraFiles: { [TOKENIZER_FILE]: tokenizer } };
}

function proteinPart(name: string, dtype: DataType | undefined, seed: number) {
  return randomPart(sizeOf(ESM2_SIZES, name, 'the protein part'), name, seed, dtype);
}

function randomPart<A extends Architecture>(
  { architecture, dtype: published }: NamedSize<A>,
  source: string,
  seed: number,
  dtype = published,
): NewPart & { readonly architecture: A } {
  const parameters = randomParameters(architecture, seed);
  return { architecture, parameters, dtype, source: { name: source, sha256: null } };
}

function sizeOf<T>(sizes: ReadonlyMap<string, T>, name: string, part: string): T {
  const size = sizes.get(name);
  if (size !== undefined) return size;
  const names = [...sizes.keys()].join(', ');
  const received = typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : typeof name;
  throw expected('VNP_USAGE', `one of ${names}`, `${part} of a random model`, received);
}
