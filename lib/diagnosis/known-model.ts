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
  OpenRequest,
} from '../engine/addon.js';
import { loadAddon } from '../engine/libtorch/load.js';
import { derivedSeed, seededNumbers } from '../models/random/random-contents.js';

const SEED = 1;

/** Small, but with the head width of the published sizes, so that devices use the same kernels. */
const protein: Esm2Architecture = {
  family: 'esm2',
  layers: 2,
  width: 128,
  heads: 2,
  feedForward: 256,
  vocabulary: 33,
};

/** The number of heads is not a power of two, as in DNABERT-2: the ALiBi slopes depend on that. */
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
 * The weights: 16-bit integers times a power of two, which float32 represents exactly, so that they are the same on
 * every machine.
 */
export function knownParameters(architecture: Architecture): KnownParameter[] {
  return loadAddon()
    .addon.parametersOf(architecture)
    .map(({ name, shape }) => {
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
  // Makes attention sharp enough for positions to matter.
  if (/query|key/.test(name)) return { centre: 0, reach: 1 / 4 };
  // Large enough for the scores to depend on every embedding, but not so large that they are 0 or 1.
  return { centre: 0, reach: name.startsWith('output') ? 1 / 2 : 1 / 8 };
}

/** Three frames of different lengths in one packed batch. */
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

/** Writes the archives of the known model into a folder, from raw weight files, like an import. */
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

/** Enough to exercise the threaded code paths of the matrix work. */
const THREADS = 2;

/** Runs the known batch through the known model. Throws what the addon throws. */
export async function runKnownModel(
  addon: Pick<Addon, 'openWorker'>,
  model: KnownModel,
  options: Pick<OpenRequest, 'device' | 'precision' | 'engine'>,
): Promise<{ scores: Float32Array; embeddings: Float32Array }> {
  const { dna, protein, classifier } = model;
  const worker = await addon.openWorker({ ...options, threads: THREADS, dna, protein, classifier });
  try {
    const { scores, embeddings } = await worker.run(knownBatch(), { embeddings: true });
    return { scores, embeddings: embeddings! };
  } finally {
    await worker.close();
  }
}

export const EMBEDDING_STRIDE = 13;

/**
 * The results for the known batch, to seven decimals: computed in float64 from the published definitions, independently
 * of either engine. The tests repeat this computation; both engines confirm it in float32. The values depend only on
 * the weights and tokens in this file.
 */
export const KNOWN_VALUES = {
  /** Virus score of each frame. */
  virusScores: [0.1208936, 0.6706378, 0.1873108],
  /** Entries 0, EMBEDDING_STRIDE, 2 * EMBEDDING_STRIDE, … of each frame's embeddings (DNA, then protein). */
  embeddings: [
    [
      -0.0891617, 0.9997123, -0.1371651, 0.0305174, -0.3647018, -0.9205441, 0.5603659, -0.1325565, -1.4657832,
      0.8417604, -0.8623543, -1.765781, 0.285177, -0.3973886, -0.6807025, 0.250521, 0.1649639, 0.0130019, 0.4391324,
      0.6235646, -0.2023976, 0.1419894, 0.3422352, -0.1197694, -2.1334893,
    ],
    [
      -0.0462019, 0.2511708, -0.3157627, -0.1820316, -0.7358624, -1.2213645, 0.5569439, 0.3622032, -0.5846236,
      0.0508504, -1.5721359, -1.0180592, 0.136814, -0.1458586, -0.1377503, 0.0925997, 0.6062449, 0.1664197, 0.43197,
      1.6508705, -0.6325535, 0.0732322, -0.8801299, 0.1410832, -1.0013205,
    ],
    [
      -0.2241054, 0.7440015, 0.1799065, 0.4719367, -0.7291404, -1.3433922, 0.4033937, -0.10326, -0.7955032, -0.0034829,
      -1.3274384, -0.7650902, -0.6697503, -0.6507706, -0.3141374, 0.089422, 0.3706001, 0.4089421, 0.7871897, -0.1028956,
      -0.0936356, -0.1974244, -0.7085745, 0.6482366, -0.4067942,
    ],
  ],
} as const satisfies { virusScores: readonly number[]; embeddings: readonly (readonly number[])[] };
