import { PickledRecord, PickledTensor, type PickledValue } from './pickle-values.js';
import type { TorchFile } from './torch-file.js';
import type { StoredTensor } from './tensor.js';

/** No name of a parameter is longer; a chain of a million modules would be. */
const LONGEST_PREFIX = 1000;

/** Keys under which training programs put the state dict beside other things. */
const WRAPPERS = ['model', 'state_dict', 'model_state_dict'];

/**
 * The tensors of a torch file by the names that a state dict gives them, whether a state dict was saved, a dict that holds
 * one under `model`, `state_dict` or `model_state_dict`, or a whole module.
 */
export function namedTensors({ root, locate }: TorchFile): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  const entries = root instanceof PickledRecord ? moduleEntries(root) : textEntries(stateDict(root));
  for (const [name, value] of entries) if (value instanceof PickledTensor) tensors.set(name, locate(value));
  return tensors;
}

function stateDict(root: PickledValue): PickledValue | undefined {
  if (!(root instanceof Map)) return undefined;
  for (const key of WRAPPERS) {
    const inner = root.get(key);
    if (inner instanceof Map) return inner;
  }
  return root;
}

function* moduleEntries(root: PickledRecord): Generator<[string, PickledValue]> {
  const waiting: [string, PickledRecord][] = [['', root]];
  // A hostile module may contain itself, or the same child many times at many levels: each is visited once.
  const seen = new Set<PickledRecord>([root]);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [prefix, module] = next;
    for (const kind of ['_parameters', '_buffers']) {
      for (const [name, value] of textEntries(module.attributes.get(kind))) yield [prefix + name, value];
    }
    for (const [name, child] of textEntries(module.attributes.get('_modules'))) {
      if (!(child instanceof PickledRecord) || seen.has(child)) continue;
      if (prefix.length > LONGEST_PREFIX) continue;
      seen.add(child);
      waiting.push([`${prefix}${name}.`, child]);
    }
  }
}

function textEntries(value: PickledValue | undefined): [string, PickledValue][] {
  if (!(value instanceof Map)) return [];
  return [...value].filter((entry): entry is [string, PickledValue] => typeof entry[0] === 'string');
}
