import type { WorkerDescription } from '../engine/worker-usage.js';
import { JOURNAL_FORMAT } from '../journal/run-key.js';
import type { RunKey } from '../journal/run-key.js';
import type { OpenedModel } from '../models/pipeline.js';
import type { OpenOptions } from './options.js';

export interface RunKeyParts {
  readonly versions: { readonly virnucpro: string; readonly libtorch: string };
  readonly model: Pick<OpenedModel, 'chunkSize'> &
    Record<'dna' | 'protein' | 'classifier', { readonly sha256: string }>;
  readonly engine: NonNullable<OpenOptions['engine']>;
  readonly workers: readonly WorkerDescription[];
  readonly batchTokens: { readonly esm: number; readonly dnabert: number };
  readonly embeddings: boolean;
}

/** All that the scores of a run depend on, but for its input. */
export function runKey({ versions, model, engine, workers, batchTokens, embeddings }: RunKeyParts): RunKey {
  return {
    format: JOURNAL_FORMAT,
    virnucpro: versions.virnucpro,
    libtorch: versions.libtorch,
    dna: model.dna.sha256,
    protein: model.protein.sha256,
    classifier: model.classifier.sha256,
    chunkSize: model.chunkSize,
    precision: each(workers.map(({ precision }) => precision)).join(','),
    engine,
    esmBatchTokens: batchTokens.esm,
    dnabertBatchTokens: batchTokens.dnabert,
    embeddings,
    devices: each(workers.map(({ device, threads }) => `${device.name}, ${threads} threads`)),
  };
}

function each(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
