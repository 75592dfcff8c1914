import type { Architecture, ArchiveParameter, ParameterSource } from '../engine/addon.js';
import { parametersOf, type ParameterShape } from './parameters.js';
import { derivedSeed } from './seeded-random.js';

/**
 * How large the classifier's weights are, in units of one over the root of the inputs. Embeddings of different sequences
 * differ little under random weights; at this size the scores still spread over 0 to 1.
 */
const CLASSIFIER_GAIN = { hidden: 4, output: 8 };

/**
 * ESM-2's last norm. Means over 20 amino acids have much in common, those over 4096 tokens of DNA little: at this weight
 * (trained ones are of its size) the common part does not push all scores to one side.
 */
const FINAL_NORM_WEIGHT = 0.25;

/**
 * Random parameters of an architecture: normal, with a deviation that keeps activations at the size that trained models
 * have, norms at 1 and 0. The same seed gives the same weights on every machine.
 */
export function randomParameters(architecture: Architecture, seed: number): ArchiveParameter[] {
  return parametersOf(architecture).map((parameter) => ({
    name: parameter.name,
    shape: parameter.shape,
    source: randomSource(architecture, parameter, derivedSeed(seed, `${architecture.family}.${parameter.name}`)),
  }));
}

function randomSource(architecture: Architecture, parameter: ParameterShape, seed: number): ParameterSource {
  const { name, shape } = parameter;
  if (name === 'final_norm.weight') return { kind: 'constant', value: FINAL_NORM_WEIGHT };
  if (/norm\.(weight|running_var)$/.test(name)) return { kind: 'constant', value: 1 };
  // A type embedding is in every token alike, and would only make all sequences more alike.
  if (/(bias|running_mean)$/.test(name) || name.startsWith('token_type')) return { kind: 'constant', value: 0 };
  return { kind: 'normal', mean: 0, standardDeviation: deviation(architecture, name, shape.at(-1)!), seed };
}

function deviation(architecture: Architecture, name: string, inputs: number): number {
  if (name.includes('embed')) return 1;
  const unit = 1 / Math.sqrt(inputs);
  if (architecture.family === 'classifier')
    return unit * (name.startsWith('hidden') ? CLASSIFIER_GAIN.hidden : CLASSIFIER_GAIN.output);
  // What every layer adds to the residual stream is kept small, so that the sum does not grow with their number.
  const isAdded = /\.(attention_output|down)\.weight$/.test(name);
  return isAdded ? unit / Math.sqrt(2 * architecture.layers) : unit;
}
