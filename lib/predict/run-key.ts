import { createHash } from 'node:crypto';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import type { WorkerDescription } from '../engine/pool/worker-usage.js';
import { JOURNAL_FORMAT, WITHOUT_TRIAGE } from '../journal/journal-key.js';
import type { RunKey, TriageKey } from '../journal/journal-key.js';
import { PART_NAMES } from '../models/folder/model-folder.js';
import type { OpenedModel, PartName } from '../models/folder/model-folder.js';
import { temperatureOf } from '../scoring/frame-scores.js';
import type { OpenOptions } from './options.js';
import type { TriageRule } from '../scoring/calls.js';

type PartHashes = Record<PartName, { readonly sha256: string }>;

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
  readonly batchTokens: BatchTokens;
  readonly embeddings: boolean;
}

/** Everything that a run's scores depend on, except its input: the key of its journal. */
export function runKey({ versions, model, triage, engine, workers, batchTokens, embeddings }: RunKeyParts): RunKey {
  return {
    format: JOURNAL_FORMAT,
    virnucpro: versions.virnucpro,
    libtorch: versions.libtorch,
    ...hashesOf(model),
    chunkSize: model.chunkSize,
    precision: each(workers.map(({ precision }) => precision)).join(','),
    engine,
    proteinBatchTokens: batchTokens.protein,
    dnaBatchTokens: batchTokens.dna,
    embeddings,
    ...triageKey(triage),
    devices: each(workers.map(({ device, threads }) => `${device.name}, ${threads} threads`)),
  };
}

/** The part of a key about a model's archives. */
export function hashesOf({ dna, protein, classifier }: PartHashes): Pick<RunKey, PartName> {
  return { dna: dna.sha256, protein: protein.sha256, classifier: classifier.sha256 };
}

/** What distinguishes runs by their triage. The temperature is in no archive, but decides just as the thresholds do. */
export function triageKey(triage: TriageKeyParts | undefined): TriageKey {
  if (!triage) return WITHOUT_TRIAGE;
  const { model, rule } = triage;
  const hash = createHash('sha256');
  for (const part of PART_NAMES) hash.update(model[part].sha256);
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
