// @ts-check
import { copyFileSync, existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomModel as makeRandomModel } from '../dist/lib/models/random/random-model.js';
import { loadAddon } from '../dist/lib/engine/libtorch/load.js';
import { ModelRegistry } from '../dist/lib/models/registry.js';
import { derivedSeed } from '../dist/lib/models/random/random-contents.js';
import { TRUST_FOLDER } from '../dist/lib/models/trust/trust-records.js';
import { cacheFolder } from '../scripts/setup/cache-folder.mjs';

/** @typedef {import('../dist/lib/engine/addon.js').ArchiveRequest} ArchiveRequest */
/** @typedef {import('../dist/lib/engine/addon.js').ArchiveParameter} ArchiveParameter */

/**
 * `plain`: as from `virnucpro models random`. `rough`: sharper attention, layers that add more to the residual stream,
 * and norms and biases that differ between channels, like trained weights; harder for low precisions.
 * @typedef {'plain' | 'rough'} Kind
 */

export const MODEL = 'bench';

/** How much larger the rough weights are than the plain ones, and how much their norms and biases vary. */
const ROUGH = { attention: 2, fusedAttention: 1.6, added: 2, norm: 0.3, bias: 0.1 };

/**
 * A whole model of random weights in FP32, made in the cache folder the first time only.
 * @param {{ esm: string, dna: string, seed: number, kind?: Kind }} request
 * @returns {Promise<string>} the models folder that contains it as MODEL
 */
export async function randomModel({ esm, dna, seed, kind = 'plain' }) {
  const models = join(cacheFolder(), 'bench-models', `${kind}-${esm}-${dna}-${seed}`);
  const mark = join(models, 'model-complete');
  // A model from before trusted models were recorded is made again.
  if (existsSync(mark) && existsSync(join(models, TRUST_FOLDER))) return models;
  console.error(`making a ${kind} random model of ${esm} and ${dna}`);
  const { addon } = loadAddon();
  const writer = {
    /** @param {ArchiveRequest} request */
    writeArchive: (request) => addon.writeArchive(kind === 'rough' ? roughened(request, seed) : request),
  };
  const registry = new ModelRegistry(models);
  await makeRandomModel({
    name: MODEL,
    protein: esm,
    dna,
    seed,
    dtype: 'float32',
    overwrite: true,
    registry,
    addon: writer,
  });
  writeFileSync(mark, '');
  return models;
}

/**
 * A folder beside the model, with its archives where the Python runners look for them.
 * @param {string} models from randomModel
 */
export function weightsFolder(models) {
  const folder = join(models, 'weights');
  mkdirSync(folder, { recursive: true });
  for (const part of ['protein', 'dna']) {
    const source = join(models, MODEL, part, 'model.pt');
    const target = join(folder, `${part}.pt`);
    if (existsSync(target)) continue;
    try {
      linkSync(source, target);
    } catch {
      copyFileSync(source, target);
    }
  }
  return folder;
}

/** @param {ArchiveRequest} request @param {number} seed @returns {ArchiveRequest} */
function roughened(request, seed) {
  if (request.architecture.family === 'classifier') return request;
  return { ...request, parameters: request.parameters.map((parameter) => roughParameter(parameter, seed)) };
}

/** @param {ArchiveParameter} parameter @param {number} seed @returns {ArchiveParameter} */
function roughParameter(parameter, seed) {
  const { name, source } = parameter;
  if (source.kind === 'normal') {
    const standardDeviation = source.standardDeviation * gainOf(name);
    return { ...parameter, source: { ...source, standardDeviation } };
  }
  if (source.kind !== 'constant' || name.startsWith('token_type')) return parameter;
  const standardDeviation = name.endsWith('bias') ? ROUGH.bias : ROUGH.norm * source.value;
  const own = derivedSeed(seed, `rough.${name}`);
  return { ...parameter, source: { kind: 'normal', mean: source.value, standardDeviation, seed: own } };
}

/** @param {string} name */
function gainOf(name) {
  if (/\.(query|key)\.weight$/.test(name)) return ROUGH.attention;
  if (name.endsWith('.query_key_value.weight')) return ROUGH.fusedAttention;
  return /\.(attention_output|down)\.weight$/.test(name) ? ROUGH.added : 1;
}
