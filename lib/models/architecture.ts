import type { Architecture, ClassifierArchitecture, DnabertArchitecture, Esm2Architecture } from '../engine/addon.js';
import type { JsonFields } from './json-fields.js';

const MAX_LAYERS = 1000;
const WIDEST = 1_000_000;

/** Checks an architecture that was read from JSON. Throws VNP_MODEL_INVALID. */
export function readArchitecture(fields: JsonFields): Architecture {
  switch (fields.oneOf('family', 'esm2', 'dnabert2', 'classifier')) {
    case 'esm2':
      return readEsm2(fields);
    case 'dnabert2':
      return readDnabert(fields);
    case 'classifier':
      return readClassifier(fields);
  }
}

function readEsm2(fields: JsonFields): Esm2Architecture {
  return { family: 'esm2', ...readEncoder(fields) };
}

function readDnabert(fields: JsonFields): DnabertArchitecture {
  return {
    family: 'dnabert2',
    ...readEncoder(fields),
    tokenTypes: fields.whole('tokenTypes', 1, WIDEST),
    layerNormEpsilon: fields.positive('layerNormEpsilon'),
  };
}

function readEncoder(fields: JsonFields): Omit<Esm2Architecture, 'family'> {
  return {
    layers: fields.whole('layers', 1, MAX_LAYERS),
    width: fields.whole('width', 1, WIDEST),
    heads: fields.whole('heads', 1, WIDEST),
    feedForward: fields.whole('feedForward', 1, WIDEST),
    vocabulary: fields.whole('vocabulary', 1, WIDEST),
  };
}

function readClassifier(fields: JsonFields): ClassifierArchitecture {
  return {
    family: 'classifier',
    inputs: fields.whole('inputs', 1, WIDEST),
    hidden: fields.whole('hidden', 1, WIDEST),
    batchNormEpsilon: fields.positive('batchNormEpsilon'),
  };
}
