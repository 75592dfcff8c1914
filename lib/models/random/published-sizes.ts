import type { DataType, DnabertArchitecture, Esm2Architecture } from '../../engine/addon.js';
import { PROTEIN_VOCABULARY } from '../tokenizers.js';

export interface NamedSize<A> {
  readonly architecture: A;
  /** Data type of the published weights. */
  readonly dtype: DataType;
}

function esm2(layers: number, width: number, heads: number, dtype: DataType = 'float32'): NamedSize<Esm2Architecture> {
  const architecture: Esm2Architecture = {
    family: 'esm2',
    layers,
    width,
    heads,
    feedForward: 4 * width,
    vocabulary: PROTEIN_VOCABULARY,
  };
  return { architecture, dtype };
}

function dnabert(layers: number, width: number, heads: number, vocabulary: number): NamedSize<DnabertArchitecture> {
  const architecture: DnabertArchitecture = {
    family: 'dnabert2',
    layers,
    width,
    heads,
    feedForward: 4 * width,
    vocabulary,
    tokenTypes: 2,
    layerNormEpsilon: 1e-12,
  };
  return { architecture, dtype: 'float32' };
}

/** Every published size of ESM-2 by its name, and a small one for tests. */
export const ESM2_SIZES: ReadonlyMap<string, NamedSize<Esm2Architecture>> = new Map([
  ['esm2_tiny', esm2(2, 64, 4)],
  ['esm2_t6_8M_UR50D', esm2(6, 320, 20)],
  ['esm2_t12_35M_UR50D', esm2(12, 480, 20)],
  ['esm2_t30_150M_UR50D', esm2(30, 640, 20)],
  ['esm2_t33_650M_UR50D', esm2(33, 1280, 20)],
  ['esm2_t36_3B_UR50D', esm2(36, 2560, 40, 'float16')],
  ['esm2_t48_15B_UR50D', esm2(48, 5120, 40, 'float16')],
]);

/** DNABERT-S, and a small model of its kind for tests. */
export const DNABERT_SIZES: ReadonlyMap<string, NamedSize<DnabertArchitecture>> = new Map([
  ['dnabert_tiny', dnabert(2, 64, 4, 512)],
  ['dnabert_s', dnabert(12, 768, 12, 4096)],
]);

/** Units of the published classifier's hidden layer. */
export const CLASSIFIER_HIDDEN = 512;
