import type { Esm2Architecture } from '../../engine/addon.js';
import { expected, VirnucproError } from '../../errors.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { PickledRecord, type PickledValue } from '../checkpoint/pickle-values.js';
import { PROTEIN_VOCABULARY } from '../tokenizers.js';
import {
  ANOTHER_CHECKPOINT,
  layoutOf,
  type ImportedPart,
  mapParameters,
  MAX_LAYERS,
  missingConfig,
  missingWeight,
  type ParameterNames,
  Settings,
  wrongLayout,
} from './source-checkpoint.js';

const WANTED = 'an ESM-2 checkpoint';
const OPTION = '`protein`';

/**
 * Imports an ESM-2 checkpoint: a `.pt` of fair-esm, or a folder of transformers. Similar models that compute something
 * else (ESM-1, ESM-1b, the MSA transformer, ESM-2 without token dropout) are refused by name.
 *
 * @throws VNP_CHECKPOINT
 */
export function importEsm2(checkpoint: Checkpoint): ImportedPart<Esm2Architecture> {
  const layout = layoutOf(checkpoint);
  if (layout === 'fair-esm') return importFair(checkpoint);
  if (layout === 'transformers-esm') return importTransformers(checkpoint);
  refuseOlderEsm(checkpoint);
  throw wrongLayout(checkpoint, WANTED, OPTION);
}

const FAIR_MODULES: ReadonlyMap<string, string> = new Map([
  ['attention_norm', 'self_attn_layer_norm'],
  ['query', 'self_attn.q_proj'],
  ['key', 'self_attn.k_proj'],
  ['value', 'self_attn.v_proj'],
  ['attention_output', 'self_attn.out_proj'],
  ['feed_forward_norm', 'final_layer_norm'],
  ['up', 'fc1'],
  ['down', 'fc2'],
  ['embed_tokens', 'embed_tokens'],
  ['final_norm', 'emb_layer_norm_after'],
]);

const TRANSFORMERS_MODULES: ReadonlyMap<string, string> = new Map([
  ['attention_norm', 'attention.LayerNorm'],
  ['query', 'attention.self.query'],
  ['key', 'attention.self.key'],
  ['value', 'attention.self.value'],
  ['attention_output', 'attention.output.dense'],
  ['feed_forward_norm', 'LayerNorm'],
  ['up', 'intermediate.dense'],
  ['down', 'output.dense'],
  ['embed_tokens', 'embeddings.word_embeddings'],
  ['final_norm', 'encoder.emb_layer_norm_after'],
]);

function importFair(checkpoint: Checkpoint): ImportedPart<Esm2Architecture> {
  refuseOlderEsm(checkpoint);
  const settings = fairSettings(checkpoint);
  settings.require('token_dropout', true);
  const layers = settings.size('encoder_layers', MAX_LAYERS);
  const prefix = prefixBefore(checkpoint, 'embed_tokens.weight', ['encoder.sentence_encoder.', 'encoder.', '']);
  const architecture: Esm2Architecture = {
    family: 'esm2',
    layers,
    width: settings.size('encoder_embed_dim'),
    heads: settings.size('encoder_attention_heads'),
    feedForward: rowsOf(checkpoint, `${prefix}layers.0.fc1.weight`),
    vocabulary: rowsOf(checkpoint, `${prefix}embed_tokens.weight`),
  };
  checkArchitecture(checkpoint, architecture);
  return mapParameters(checkpoint, architecture, {
    sourceName: (name) => prefix + renamed(name, FAIR_MODULES, 'layers'),
    ignored: /^(encoder\.)?(sentence_encoder\.)?(lm_head\.|contact_head\.|layers\.\d+\.self_attn\.rot_emb\.inv_freq$)/,
  });
}

function importTransformers(checkpoint: Checkpoint): ImportedPart<Esm2Architecture> {
  if (checkpoint.config === undefined) {
    throw missingConfig(checkpoint, OPTION);
  }
  const settings = Settings.ofJson(`config.json of ${checkpoint.path}`, checkpoint.config);
  settings.require('model_type', 'esm');
  // Refuses ESM-1b and ESM-1v in the same format: learned positions, a norm before the layers, no token dropout.
  settings.require('position_embedding_type', 'rotary');
  settings.require('emb_layer_norm_before', false, null, undefined);
  settings.require('token_dropout', true);
  settings.require('hidden_act', 'gelu', undefined);
  settings.require('layer_norm_eps', 1e-5);
  const prefix = prefixBefore(checkpoint, 'embeddings.word_embeddings.weight', ['esm.', '']);
  const architecture: Esm2Architecture = {
    family: 'esm2',
    layers: settings.size('num_hidden_layers', MAX_LAYERS),
    width: settings.size('hidden_size'),
    heads: settings.size('num_attention_heads'),
    feedForward: settings.size('intermediate_size'),
    vocabulary: settings.size('vocab_size'),
  };
  checkArchitecture(checkpoint, architecture);
  return mapParameters(checkpoint, architecture, transformersNames(prefix));
}

function transformersNames(prefix: string): ParameterNames {
  return {
    sourceName: (name) => prefix + renamed(name, TRANSFORMERS_MODULES, 'encoder.layer'),
    // Files contain position embeddings, but rotary positions do not use them.
    ignored:
      /^(esm\.)?(lm_head\.|contact_head\.|pooler\.|classifier\.|embeddings\.position_(ids$|embeddings\.weight$)|encoder\.layer\.\d+\.attention\.self\.rotary_embeddings\.inv_freq$)/,
  };
}

/** The checkpoint's name for a parameter such as `layers.3.query.weight`. */
function renamed(name: string, modules: ReadonlyMap<string, string>, layers: string): string {
  const parts = name.split('.');
  const suffix = parts.pop()!;
  const module = modules.get(parts.at(-1)!)!;
  return parts.length === 1 ? `${module}.${suffix}` : `${layers}.${parts[1]}.${module}.${suffix}`;
}

/** Attributes of `cfg.model`, which fair-esm writes as an argparse.Namespace. */
function fairSettings(checkpoint: Checkpoint): Settings {
  const configuration = checkpoint.root instanceof Map ? checkpoint.root.get('cfg') : undefined;
  const model: PickledValue | undefined = configuration instanceof Map ? configuration.get('model') : undefined;
  const attributes = model instanceof PickledRecord ? model.attributes : model;
  if (!(attributes instanceof Map)) {
    throw new VirnucproError(
      'VNP_CHECKPOINT',
      `The checkpoint of ${OPTION} ${checkpoint.path} has no settings of the model (cfg.model). ` +
        'Give the .pt file of fair-esm itself, or a transformers model folder',
    );
  }
  return Settings.ofAttributes(`cfg.model of ${checkpoint.path}`, attributes);
}

function refuseOlderEsm(checkpoint: Checkpoint): void {
  const settings = checkpoint.root instanceof Map ? checkpoint.root.get('args') : undefined;
  const arch = settings instanceof PickledRecord ? settings.attributes.get('arch') : undefined;
  const isOlder =
    typeof arch === 'string' ||
    [...checkpoint.tensors.keys()].some((name) => /embed_positions\.|emb_layer_norm_before\./.test(name));
  if (!isOlder) return;
  const kind = typeof arch === 'string' ? ` (arch ${JSON.stringify(arch.slice(0, 40))})` : '';
  throw expected(
    'VNP_CHECKPOINT',
    WANTED,
    `${OPTION} ${checkpoint.path}`,
    `ESM-1, ESM-1b, ESM-1v or an MSA transformer${kind}`,
    'These compute something else; use an esm2_… checkpoint',
  );
}

function checkArchitecture(checkpoint: Checkpoint, { width, heads, vocabulary }: Esm2Architecture): void {
  const where = `The checkpoint of ${OPTION} ${checkpoint.path}`;
  if (width % (2 * heads) !== 0) {
    const message = `${where} has ${width} values for ${heads} heads, which is not an even number of values per head`;
    throw new VirnucproError('VNP_CHECKPOINT', `${message}. ${ANOTHER_CHECKPOINT}`);
  }
  if (vocabulary !== PROTEIN_VOCABULARY) {
    const message = `${where} has ${vocabulary} tokens instead of the ESM alphabet of ${PROTEIN_VOCABULARY} tokens`;
    throw new VirnucproError('VNP_CHECKPOINT', `${message}. ${ANOTHER_CHECKPOINT}`);
  }
}

function rowsOf(checkpoint: Checkpoint, name: string): number {
  const rows = checkpoint.tensors.get(name)?.shape[0];
  if (rows === undefined) throw missingWeight(checkpoint, name);
  return rows;
}

function prefixBefore(checkpoint: Checkpoint, name: string, prefixes: readonly string[]): string {
  const prefix = prefixes.find((one) => checkpoint.tensors.has(one + name));
  if (prefix === undefined) throw missingWeight(checkpoint, name);
  return prefix;
}
