import type { DnabertArchitecture } from '../../engine/addon.js';
import { VirnucproError } from '../../errors.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import {
  ANOTHER_CHECKPOINT,
  layoutOf,
  type ImportedPart,
  mapParameters,
  MAX_LAYERS,
  missingConfig,
  Settings,
  wrongLayout,
} from './source-checkpoint.js';

const WANTED = 'a DNABERT-2 or DNABERT-S checkpoint';
const OPTION = '`dna`';

const MODULES: ReadonlyMap<string, string> = new Map([
  ['word_embeddings', 'embeddings.word_embeddings'],
  ['token_type_embeddings', 'embeddings.token_type_embeddings'],
  ['embedding_norm', 'embeddings.LayerNorm'],
  ['query_key_value', 'attention.self.Wqkv'],
  ['attention_output', 'attention.output.dense'],
  ['attention_norm', 'attention.output.LayerNorm'],
  ['gated', 'mlp.gated_layers'],
  ['down', 'mlp.wo'],
  ['output_norm', 'mlp.layernorm'],
]);

/**
 * Imports a DNABERT-2 or DNABERT-S checkpoint: a folder of transformers, with or without the prefix `bert.` in its
 * names. A plain BERT has the same config.json, but other names of weights, and is refused.
 *
 * @throws VNP_CHECKPOINT
 */
export function importDnabert(checkpoint: Checkpoint): ImportedPart<DnabertArchitecture> {
  if (layoutOf(checkpoint) !== 'dnabert2') throw wrongLayout(checkpoint, WANTED, OPTION);
  if (checkpoint.config === undefined) {
    throw missingConfig(checkpoint, OPTION);
  }
  const settings = Settings.ofJson(`config.json of ${checkpoint.path}`, checkpoint.config);
  settings.require('model_type', 'bert');
  settings.require('hidden_act', 'gelu', undefined);
  const architecture: DnabertArchitecture = {
    family: 'dnabert2',
    layers: settings.size('num_hidden_layers', MAX_LAYERS),
    width: settings.size('hidden_size'),
    heads: settings.size('num_attention_heads'),
    feedForward: settings.size('intermediate_size'),
    vocabulary: settings.size('vocab_size'),
    tokenTypes: settings.size('type_vocab_size'),
    layerNormEpsilon: settings.positive('layer_norm_eps'),
  };
  if (architecture.width % architecture.heads !== 0) {
    throw new VirnucproError(
      'VNP_CHECKPOINT',
      `The checkpoint of ${OPTION} ${checkpoint.path} has ${architecture.width} values for ${architecture.heads} heads, ` +
        `which is not a whole number of values per head. ${ANOTHER_CHECKPOINT}`,
    );
  }
  const prefix = checkpoint.tensors.has('bert.embeddings.word_embeddings.weight') ? 'bert.' : '';
  return mapParameters(checkpoint, architecture, {
    sourceName: (name) => prefix + renamed(name),
    ignored: /^((bert\.)?(pooler\.|embeddings\.position_ids$)|cls\.|classifier\.)/,
  });
}

/** The checkpoint's name for a parameter such as `layers.3.gated.weight`. */
function renamed(name: string): string {
  const parts = name.split('.');
  const suffix = parts.pop()!;
  const module = MODULES.get(parts.at(-1)!)!;
  return parts.length === 1 ? `${module}.${suffix}` : `encoder.layer.${parts[1]}.${module}.${suffix}`;
}
