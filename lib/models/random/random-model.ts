import type { Addon, ClassifierArchitecture, DataType } from '../../engine/addon.js';
import { expected } from '../../errors.js';
import { TOKENIZER_FILE } from '../folder/archive.js';
import { checkChunkSize } from '../import/import-model.js';
import type { OpenedModel } from '../folder/model-folder.js';
import type { ModelRegistry } from '../registry.js';
import { type NewPart, type OnModelProgress, writeModel } from '../folder/write-model.js';
import { CLASSIFIER_HIDDEN, DNABERT_SIZES, ESM2_SIZES } from './published-sizes.js';
import { randomParameters, randomTokenizer } from './random-contents.js';

/** Size of the DNA model unless another is named: that of DNABERT-S. */
export const DEFAULT_DNA_SIZE = 'dnabert_s';
/** Bases of a window unless another size is given. */
export const DEFAULT_CHUNK_SIZE = 500;

/** With this seed, the two tiny sizes together give scores on both sides of one half. */
export const DEFAULT_SEED = 9;

export interface RandomRequest {
  /** The name to install the model under. */
  readonly name: string;
  /** A name in ESM2_SIZES, e.g. `esm2_t36_3B_UR50D`, or `esm2_tiny`. */
  readonly protein: string;
  /** A name in DNABERT_SIZES. Defaults to `dnabert_s`. */
  readonly dna?: string;
  /** A whole number; the same seed gives the same weights. Defaults to DEFAULT_SEED. */
  readonly seed?: number;
  /** Data type of the two language models in the archives. Defaults to that of the published weights. */
  readonly dtype?: DataType;
  /** Chunk size: bases of a window. Defaults to 500. */
  readonly chunkSize?: number;
  /** Whether an installed model of this name is replaced. Defaults to false. */
  readonly overwrite?: boolean;
  readonly registry: ModelRegistry;
  readonly addon: Pick<Addon, 'writeArchive'>;
  readonly onProgress?: OnModelProgress;
}

/**
 * Makes a model with random weights of a published size and installs it. It takes the time and memory of the real one.
 * Its scores mean nothing, and its files say so.
 *
 * @throws VNP_USAGE for an unknown size, or an invalid name, seed or chunk size
 */
export async function randomModel(request: RandomRequest): Promise<OpenedModel> {
  const { name, dtype, registry, addon, onProgress, overwrite = false } = request;
  const { seed = DEFAULT_SEED, chunkSize = DEFAULT_CHUNK_SIZE } = request;
  checkChunkSize(chunkSize);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw expected('VNP_USAGE', 'a whole number from 0', 'the seed', String(seed));
  const dnaName = request.dna ?? DEFAULT_DNA_SIZE;
  const dna = sizeOf(DNABERT_SIZES, dnaName, '--dna');
  const protein = sizeOf(ESM2_SIZES, request.protein, '--esm');
  const classifier: ClassifierArchitecture = {
    family: 'classifier',
    inputs: dna.architecture.width + protein.architecture.width,
    hidden: CLASSIFIER_HIDDEN,
    batchNormEpsilon: 1e-5,
  };
  const tokenizer = randomTokenizer(dna.architecture.vocabulary, seed);
  const part = (architecture: NewPart['architecture'], source: string, type: DataType): NewPart => ({
    architecture,
    parameters: randomParameters(architecture, seed),
    dtype: type,
    source: { name: source, sha256: null },
  });
  const parts = {
    dna: { ...part(dna.architecture, dnaName, dtype ?? dna.dtype), extraFiles: { [TOKENIZER_FILE]: tokenizer } },
    protein: part(protein.architecture, request.protein, dtype ?? protein.dtype),
    classifier: part(classifier, 'random classifier', 'float32'),
  };
  const options = { registry, addon, overwrite, ...(onProgress && { onProgress }) };
  return writeModel({ name, chunkSize, random: true, parts }, options);
}

function sizeOf<T>(sizes: ReadonlyMap<string, T>, name: string, option: string): T {
  const size = sizes.get(name);
  if (size !== undefined) return size;
  throw expected(
    'VNP_USAGE',
    `one of ${[...sizes.keys()].join(', ')}`,
    `${option} of a random model`,
    JSON.stringify(name.slice(0, 80)),
  );
}
