import { createHash } from 'node:crypto';
import type { BatchTokens } from '../engine/devices/worker-plan.js';
import { PRECISIONS } from '../engine/devices/choose-devices.js';
import type { WorkerDescription } from '../engine/pool/pool-worker.js';
import { JOURNAL_FORMAT, NO_TRIAGE, WITHOUT_TRIAGE } from '../journal/journal-key.js';
import type { RunKey, TriageKey } from '../journal/journal-key.js';
import { checkJournal } from '../journal/run-journal.js';
import type { OpenedModel } from '../models/folder/model-folder.js';
import { temperatureOf } from '../scoring/frame-scores.js';
import type { OpenOptions, OrUndefined } from './options.js';
import type { TriageRule } from '../scoring/calls.js';
import { ModelRegistry, modelsFolder } from '../models/registry.js';
import { packageVersion } from '../package.js';
import type { RunPlan } from './plan.js';
import { findTriage } from './triage-model.js';

/** The key that a run's journal carries, and how another run resumes from it. */

const PARTS = ['dna', 'protein', 'classifier'] as const;

type PartHashes = Record<(typeof PARTS)[number], { readonly sha256: string }>;

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

/** Everything that a run's scores depend on, except its input. */
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

function hashesOf({ dna, protein, classifier }: PartHashes): Pick<RunKey, (typeof PARTS)[number]> {
  return { dna: dna.sha256, protein: protein.sha256, classifier: classifier.sha256 };
}

/** What distinguishes runs by their triage. The temperature is in no archive, but decides just as the thresholds do. */
export function triageKey(triage: TriageKeyParts | undefined): TriageKey {
  if (!triage) return WITHOUT_TRIAGE;
  const { model, rule } = triage;
  const hash = createHash('sha256');
  for (const part of PARTS) hash.update(model[part].sha256);
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

/**
 * The plan that resumes the run that left this journal. What affects numbers and is left open by the plan is taken from
 * that run, whatever this machine would have chosen. Without such a run, it is the plan itself.
 * @throws VirnucproError VNP_RESUME naming what differs from the plan, VNP_OUTPUT, and what `findTriage` throws
 */
export async function continuedPlan(
  plan: RunPlan,
  journal: string,
  { models, trust = false }: OrUndefined<Pick<OpenOptions, 'models' | 'trust'>>,
): Promise<RunPlan> {
  const { model, settings, results } = plan;
  const { precision, engine, proteinBatchTokens, dnaBatchTokens } = settings;
  const begun = await checkJournal(journal, {
    ...hashesOf(model),
    ...{ virnucpro: packageVersion, chunkSize: model.chunkSize, engine },
    ...(precision !== 'auto' && { precision }),
    ...(proteinBatchTokens !== undefined && { proteinBatchTokens }),
    ...(dnaBatchTokens !== undefined && { dnaBatchTokens }),
    ...(results.embeddings && { embeddings: true }),
    ...(plan.triage && triageKey(plan.triage)),
  });
  if (!begun) return plan;
  const { triageModel, triageOthersBelow: othersBelow, triageVirusAtLeast: virusAtLeast } = begun;
  const choice = begun.triage === NO_TRIAGE ? undefined : { model: triageModel, othersBelow, virusAtLeast };
  const registry = new ModelRegistry(modelsFolder(models));
  return {
    ...plan,
    journal,
    // The model may have been renamed since then.
    triage: plan.triage ?? (choice && (await findTriage(registry, choice, model, { trust }))),
    settings: {
      ...settings,
      precision: PRECISIONS.find((one) => one === begun.precision) ?? precision,
      proteinBatchTokens: begun.proteinBatchTokens,
      dnaBatchTokens: begun.dnaBatchTokens,
    },
    results: { ...results, embeddings: begun.embeddings },
  };
}
