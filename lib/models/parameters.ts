import type { Architecture, ClassifierArchitecture, DnabertArchitecture, Esm2Architecture } from '../engine/addon.js';

export interface ParameterShape {
  /** Dotted path in the archive. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** Every parameter of an archive, in the order in which the data meets them; the same as the addon's `parametersOf`. */
export function parametersOf(architecture: Architecture): ParameterShape[] {
  switch (architecture.family) {
    case 'esm2':
      return esm2Parameters(architecture);
    case 'dnabert2':
      return dnabertParameters(architecture);
    case 'classifier':
      return classifierParameters(architecture);
  }
}

/** Number of values in an archive of this architecture. */
export function parameterCount(architecture: Architecture): number {
  return parametersOf(architecture).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
}

function esm2Parameters({ layers, width, feedForward, vocabulary }: Esm2Architecture): ParameterShape[] {
  return [
    { name: 'embed_tokens.weight', shape: [vocabulary, width] },
    ...perLayer(layers, (layer) => [
      ...norm(`${layer}.attention_norm`, width),
      ...['query', 'key', 'value', 'attention_output'].flatMap((name) => linear(`${layer}.${name}`, width, width)),
      ...norm(`${layer}.feed_forward_norm`, width),
      ...linear(`${layer}.up`, feedForward, width),
      ...linear(`${layer}.down`, width, feedForward),
    ]),
    ...norm('final_norm', width),
  ];
}

function dnabertParameters(architecture: DnabertArchitecture): ParameterShape[] {
  const { layers, width, feedForward, vocabulary, tokenTypes } = architecture;
  return [
    { name: 'word_embeddings.weight', shape: [vocabulary, width] },
    { name: 'token_type_embeddings.weight', shape: [tokenTypes, width] },
    ...norm('embedding_norm', width),
    ...perLayer(layers, (layer) => [
      ...linear(`${layer}.query_key_value`, 3 * width, width),
      ...linear(`${layer}.attention_output`, width, width),
      ...norm(`${layer}.attention_norm`, width),
      { name: `${layer}.gated.weight`, shape: [2 * feedForward, width] },
      ...linear(`${layer}.down`, width, feedForward),
      ...norm(`${layer}.output_norm`, width),
    ]),
  ];
}

function classifierParameters({ inputs, hidden }: ClassifierArchitecture): ParameterShape[] {
  return [
    ...linear('hidden', hidden, inputs),
    ...norm('norm', hidden),
    { name: 'norm.running_mean', shape: [hidden] },
    { name: 'norm.running_var', shape: [hidden] },
    ...linear('output', 2, hidden),
  ];
}

function perLayer(layers: number, of: (prefix: string) => ParameterShape[]): ParameterShape[] {
  return Array.from({ length: layers }, (_, layer) => of(`layers.${layer}`)).flat();
}

function linear(name: string, outputs: number, inputs: number): ParameterShape[] {
  return [
    { name: `${name}.weight`, shape: [outputs, inputs] },
    { name: `${name}.bias`, shape: [outputs] },
  ];
}

function norm(name: string, width: number): ParameterShape[] {
  return [
    { name: `${name}.weight`, shape: [width] },
    { name: `${name}.bias`, shape: [width] },
  ];
}
