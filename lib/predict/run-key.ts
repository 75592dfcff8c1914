import type { WorkerDescription } from '../engine/pool/pool-worker.js';
import { createHash } from 'node:crypto';
import { JOURNAL_FORMAT, WITHOUT_TRIAGE } from '../journal/journal-key.js';
import type { RunKey, TriageKey } from '../journal/journal-key.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { temperatureOf } from './calibration.js';
import type { OpenOptions } from './options.js';
import type { TriageRule } from './triage-rule.js';

type PartHashes = Record<'dna' | 'protein' | 'classifier', { readonly sha256: string }>;

export interface TriageKeyParts {
  readonly model: PartHashes & Pick<OpenedModel, 'name' | 'temperature'>;
  readonly rule: TriageRule;
}

export interface RunKeyParts {
  readonly versions: { readonly virnucpro: string; readonly libtorch: string };
  readonly model: Pick<OpenedModel, 'chunkSize'> & PartHashes;
  readonly triage?: TriageKeyParts | undefined;
  readonly engine: NonNullable<OpenOptions['engine']>;
  readonly workers: readonly WorkerDescription[];
  readonly batchTokens: { readonly esm: number; readonly dnabert: number };
  readonly embeddings: boolean;
}

/** All that the scores of a run depend on, but for its input. */
export function runKey({ versions, model, triage, engine, workers, batchTokens, embeddings }: RunKeyParts): RunKey {
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
    ...triageKey(triage),
    devices: each(workers.map(({ device, threads }) => `${device.name}, ${threads} threads`)),
  };
}

/** What tells runs apart by their triage. The temperature is none of the archives, and decides as the thresholds do. */
export function triageKey(triage: TriageKeyParts | undefined): TriageKey {
  if (!triage) return WITHOUT_TRIAGE;
  const { model, rule } = triage;
  const hash = createHash('sha256');
  for (const part of ['dna', 'protein', 'classifier'] as const) hash.update(model[part].sha256);
  return {
    triage: hash.digest('hex'),
    triageModel: model.name,
    triageOthersBelow: rule.othersBelow,
    triageVirusAtLeast: rule.virusAtLeast,
    triageTemperature: temperatureOf(model, true),
  };
}

function each(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
