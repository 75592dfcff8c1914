import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackedTokens } from '../lib/batches/tokens.js';
import type { EmbedOptions, NativeWorker, OpenRequest } from '../lib/engine/addon.js';
import { importModel } from '../lib/models/import/import-model.js';
import type { ImportRequest } from '../lib/models/import/import-model.js';
import type { OpenedModel } from '../lib/models/folder/model-folder.js';
import { loadAddon } from '../lib/engine/libtorch/load.js';
import { ModelRegistry } from '../lib/models/registry.js';
import { fixture } from './repository.js';

export interface InstalledModel {
  readonly model: OpenedModel;
  /** The models folder that it is installed in. */
  readonly models: string;
  remove(): void;
}

/** Imports the golden checkpoints into a models folder of their own, by default under the name `golden`. */
export async function installGoldenModel(changes: Partial<ImportRequest> = {}): Promise<InstalledModel> {
  const models = mkdtempSync(join(tmpdir(), 'virnucpro-models-'));
  const model = await importGolden(models, changes);
  return { model, models, remove: () => rmSync(models, { recursive: true, force: true }) };
}

/** Imports the golden checkpoints into this models folder, where they may already be under another name. */
export async function importGolden(models: string, changes: Partial<ImportRequest> = {}): Promise<OpenedModel> {
  return importModel({
    name: 'golden',
    protein: fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
    dna: fixture('golden', 'dnabert'),
    classifier: fixture('golden', 'classifier.pth'),
    chunkSize: 500,
    registry: new ModelRegistry(models),
    addon: loadAddon().addon,
    ...changes,
  });
}

/** Loads a model on the CPU with two threads. */
export async function openOnCpu(
  { dna, protein, classifier }: OpenedModel,
  options: Partial<Pick<OpenRequest, 'precision' | 'engine' | 'maxMemory' | 'onMessage' | 'signal' | 'abandon'>> = {},
): Promise<NativeWorker> {
  const defaults = { device: 'cpu', precision: 'fp32', threads: 2, engine: 'packed' } as const;
  return loadAddon().addon.openWorker({ ...defaults, ...options, dna, protein, classifier });
}

/** Packs sequences one after another. */
export function pack(sequences: readonly (readonly number[])[]): PackedTokens {
  const offsets = new Int32Array(sequences.length + 1);
  sequences.forEach((sequence, index) => (offsets[index + 1] = offsets[index]! + sequence.length));
  return { tokens: Int32Array.from(sequences.flat()), offsets };
}

/** Layers of both golden language models. */
export const GOLDEN_LAYERS = 3;

/** What `embed` is asked for the embeddings that a golden model's classifier reads. */
export const LAST_MEAN: EmbedOptions = { layers: [GOLDEN_LAYERS], pools: ['mean'] };

/** The means after the last layer, [sequences, width]; `layers`: those of the model. */
export async function meansOf(
  worker: NativeWorker,
  part: 'dna' | 'protein',
  tokens: PackedTokens,
  layers = GOLDEN_LAYERS,
): Promise<Float32Array> {
  const { mean } = await worker.embed(part, tokens, { layers: [layers], pools: ['mean'] });
  return mean![0]!;
}
