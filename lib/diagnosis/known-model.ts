import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackedTokens } from '../batches/tokens.js';
import type {
  Addon,
  Architecture,
  ArchiveParameter,
  ClassifierArchitecture,
  DnabertArchitecture,
  Esm2Architecture,
  FrameBatchTokens,
  ModelPart,
} from '../engine/addon.js';
import { parametersOf } from '../models/parameters.js';
import { derivedSeed, seededNumbers } from '../models/seeded-random.js';

const SEED = 1;

/** Small, with the head width of the published sizes, so that devices take the same kernels as for those. */
const protein: Esm2Architecture = {
  family: 'esm2',
  layers: 2,
  width: 128,
  heads: 2,
  feedForward: 256,
  vocabulary: 33,
};

/** A number of heads that is no power of two, as DNABERT-2 has: the slopes of its positions depend on it. */
const dna: DnabertArchitecture = {
  family: 'dnabert2',
  layers: 2,
  width: 192,
  heads: 3,
  feedForward: 256,
  vocabulary: 64,
  tokenTypes: 2,
  layerNormEpsilon: 1e-12,
};

const classifier: ClassifierArchitecture = {
  family: 'classifier',
  inputs: dna.width + protein.width,
  hidden: 64,
  batchNormEpsilon: 1e-5,
};

export const KNOWN_ARCHITECTURES = { dna, protein, classifier };

export interface KnownModel {
  readonly dna: ModelPart<DnabertArchitecture>;
  readonly protein: ModelPart<Esm2Architecture>;
  readonly classifier: ModelPart<ClassifierArchitecture>;
}

export interface KnownParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * The weights: whole numbers of 16 bits times a power of two, which float32 holds exactly, so that every machine has
 * the same.
 */
export function knownParameters(architecture: Architecture): KnownParameter[] {
  return parametersOf(architecture).map(({ name, shape }) => {
    const next = seededNumbers(derivedSeed(SEED, `${architecture.family}.${name}`));
    const { centre, reach } = rangeOf(name);
    const size = shape.reduce((product, one) => product * one, 1);
    const values = Float32Array.from({ length: size }, () => centre + (((next() >>> 16) - 32_768) / 32_768) * reach);
    return { name, shape, values };
  });
}

function rangeOf(name: string): { centre: number; reach: number } {
  if (name.endsWith('running_var')) return { centre: 1, reach: 1 / 2 };
  if (/norm\.weight$/.test(name)) return { centre: 1, reach: 1 / 4 };
  if (name.includes('embed')) return { centre: 0, reach: 1 };
  // Attention that is sharp enough for positions to matter.
  if (/query|key/.test(name)) return { centre: 0, reach: 1 / 4 };
  // Large enough for scores that are neither 0 nor 1 to depend on every embedding.
  return { centre: 0, reach: name.startsWith('output') ? 1 / 2 : 1 / 8 };
}

/** Three frames of unequal lengths, in one packed batch. */
export function knownBatch(): FrameBatchTokens {
  return {
    dna: packSequences([5, 18, 43], { first: 1, last: 2, letters: { from: 5, count: 59 } }),
    protein: packSequences([4, 33, 66], { first: 0, last: 2, letters: { from: 4, count: 20 } }),
  };
}

interface SequenceTokens {
  first: number;
  last: number;
  letters: { from: number; count: number };
}

function packSequences(lengths: readonly number[], { first, last, letters }: SequenceTokens): PackedTokens {
  const offsets = new Int32Array(lengths.length + 1);
  const tokens: number[] = [];
  lengths.forEach((length, sequence) => {
    const body = Array.from({ length }, (_, i) => letters.from + ((i * i * 7 + i * 3 + sequence) % letters.count));
    tokens.push(first, ...body, last);
    offsets[sequence + 1] = tokens.length;
  });
  return { tokens: Int32Array.from(tokens), offsets };
}

/** Writes the archives of the known model into a folder, from raw files of weights as an import does. */
export async function writeKnownModel(folder: string, addon: Pick<Addon, 'writeArchive'>): Promise<KnownModel> {
  return {
    dna: await writePart(folder, dna, addon),
    protein: await writePart(folder, protein, addon),
    classifier: await writePart(folder, classifier, addon),
  };
}

async function writePart<A extends Architecture>(
  folder: string,
  architecture: A,
  addon: Pick<Addon, 'writeArchive'>,
): Promise<ModelPart<A>> {
  const weights = join(folder, `${architecture.family}.float32`);
  const known = knownParameters(architecture);
  await writeFile(weights, Buffer.concat(known.map(({ values }) => littleEndian(values))));
  let offset = 0;
  const parameters = known.map(({ name, shape, values }): ArchiveParameter => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
    const source = { kind: 'file', path: weights, offset, dtype: 'float32', strides } as const;
    offset += values.byteLength;
    return { name, shape, source };
  });
  const path = join(folder, `${architecture.family}.pt`);
  await addon.writeArchive({ path, architecture, dtype: 'float32', parameters, extraFiles: {} });
  return { path, architecture };
}

function littleEndian(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(values.byteLength);
  values.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes;
}
