import { expected, type VirnucproError } from '../../errors.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { property } from '../checkpoint/strict-json.js';

/** What a checkpoint can be, as its weights' names tell. */
export type CheckpointFamily = 'fair-esm' | 'transformers-esm' | 'dnabert2' | 'bert' | 'classifier';

const DESCRIPTIONS: Readonly<Record<CheckpointFamily, string>> = {
  'fair-esm': 'an ESM checkpoint (--esm)',
  'transformers-esm': 'an ESM checkpoint (--esm)',
  dnabert2: 'a DNABERT-2 or DNABERT-S checkpoint (--dna)',
  bert: 'a plain BERT checkpoint, with position embeddings and without gated feed-forward layers',
  classifier: 'a classifier checkpoint (--classifier)',
};

export function familyOf({ tensors, config }: Checkpoint): CheckpointFamily | undefined {
  const has = (pattern: RegExp): boolean => [...tensors.keys()].some((name) => pattern.test(name));
  if (tensors.has('hidden_layer.weight') || tensors.has('bn1.weight')) return 'classifier';
  if (has(/(^|\.)layers\.0\.self_attn\.q_proj\.weight$/)) return 'fair-esm';
  if (has(/(^|\.)attention\.self\.Wqkv\.weight$/)) return 'dnabert2';
  if (has(/(^|\.)encoder\.layer\.0\.attention\.self\.query\.weight$/)) {
    const isEsm =
      has(/^(esm\.)?encoder\.emb_layer_norm_after\.weight$/) || (config && property(config, 'model_type') === 'esm');
    return isEsm ? 'transformers-esm' : 'bert';
  }
  return undefined;
}

/** @param wanted e.g. `an ESM-2 checkpoint`, @param option the option that the path was given as, e.g. `--esm` */
export function wrongFamily(checkpoint: Checkpoint, wanted: string, option: string): VirnucproError {
  const family = familyOf(checkpoint);
  const received =
    family === undefined ? `a checkpoint of another kind (${someNames(checkpoint)})` : DESCRIPTIONS[family];
  return expected('VNP_CHECKPOINT', wanted, `${option} ${checkpoint.path}`, received);
}

function someNames({ tensors }: Checkpoint): string {
  if (tensors.size === 0) return 'no weights';
  return `weights such as ${[...tensors.keys()]
    .slice(0, 3)
    .map((name) => name.slice(0, 80))
    .join(', ')}`;
}
