import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { VirnucproError } from '../index.js';
import type { RunPlan } from '../index.js';
import { temperatureOf, UNCALIBRATED } from '../internal.js';
import type { FileFormats } from '../internal.js';
import { JOURNAL, RUN_MANIFEST } from '../output/files.js';
import { checkFiles, readManifest, whatChanged } from '../output/finished-run.js';
import { isFinal, type ManifestModel, type RunManifest } from '../output/manifest.js';

export interface CompleteRun {
  readonly manifest: RunManifest;
  /** What is wrong with its files; undefined when they are intact. Damaged results do not count as complete. */
  readonly damage: string | undefined;
}

/**
 * Finds the finished results of this very command in the output directory, as when a job is queued again. Hashes the
 * inputs and the result files: only these prove that nothing is left to do. Returns undefined if there are none, and
 * always for standard input, which cannot be read twice.
 * @param signal ends the hashing
 */
export async function completeRun(
  directory: string,
  plan: RunPlan,
  formats: Required<FileFormats>,
  signal: AbortSignal,
): Promise<CompleteRun | undefined> {
  const has = (name: string): boolean => existsSync(join(directory, name));
  if (has(JOURNAL.name) || !has(RUN_MANIFEST.name)) return undefined;
  const manifest = await readManifest(directory);
  const isThisRun =
    isFinal(manifest) &&
    hasSameParameters(manifest, plan) &&
    hasSameFormats(manifest, formats) &&
    hasSameParts(manifest.model, plan.model) &&
    hasSameTriage(manifest, plan.triage) &&
    (await hasSameInputs(manifest, plan.files, signal));
  return isThisRun ? { manifest, damage: await damageOf(directory, manifest, signal) } : undefined;
}

async function damageOf(directory: string, { files }: RunManifest, signal: AbortSignal): Promise<string | undefined> {
  try {
    await checkFiles(directory, files, { signal });
    return undefined;
  } catch (error) {
    if (error instanceof VirnucproError && error.code === 'VNP_OUTPUT') return whatChanged(error);
    throw error;
  }
}

function hasSameParts(known: ManifestModel, model: RunPlan['model']): boolean {
  return (['dna', 'protein', 'classifier'] as const).every(
    (part) => known.parts.find(({ role }) => role === part)?.sha256 === model[part].sha256,
  );
}

function hasSameTriage({ triage: known }: RunManifest, wanted: RunPlan['triage']): boolean {
  if (!known || !wanted) return !known === !wanted;
  return (
    hasSameParts(known.model, wanted.model) &&
    known.othersBelow === wanted.rule.othersBelow &&
    known.virusAtLeast === wanted.rule.virusAtLeast &&
    known.ruleTemperature === temperatureOf(wanted.model, true)
  );
}

type Settings = RunPlan['settings'] & Omit<RunPlan['results'], 'rule'> & RunPlan['results']['rule'];

function hasSameParameters({ parameters, devices }: RunManifest, { model, settings, results }: RunPlan): boolean {
  const { precision, engine } = settings;
  const { rule, calibration, sequences, embeddings } = results;
  // The type demands every setting, so that none is forgotten; those that are `true` change last digits at most.
  const isSame: Record<keyof Settings, boolean> = {
    threshold: parameters.threshold === rule.threshold,
    minFraction: parameters.minFraction === rule.minFraction,
    calibration: (parameters.temperature ?? UNCALIBRATED) === temperatureOf(model, calibration),
    sequences: parameters['keepIntermediate'] === sequences,
    embeddings: parameters['saveEmbeddings'] === embeddings,
    // run.json does not say whether there was a limit.
    maxRecordLength: results.maxRecordLength === undefined,
    precision: precision === 'auto' || devices.every((device) => device.precision === precision),
    engine: parameters['engine'] === engine,
    proteinBatchTokens: true,
    dnaBatchTokens: true,
    maxMemory: true,
    devices: true,
    workers: true,
    threads: true,
    deviceTimeout: true,
    maxDelay: true,
  };
  return Object.values(isSame).every(Boolean);
}

/** Runs of early versions do not name their formats. */
function hasSameFormats({ parameters }: RunManifest, { tables, embeddingsFormat }: Required<FileFormats>): boolean {
  return (parameters['tables'] ?? 'tsv') === tables && (parameters['embeddingsFormat'] ?? 'f32') === embeddingsFormat;
}

async function hasSameInputs({ inputs }: RunManifest, files: RunPlan['files'], signal: AbortSignal): Promise<boolean> {
  if (inputs.length !== files.length) return false;
  for (const [index, { path, size }] of files.entries()) {
    // Sizes first: they cost nothing. An input without a size is not a regular file and cannot be read twice.
    if (size === undefined || inputs[index]!.bytes !== size) return false;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash, { signal });
    if (inputs[index]!.sha256 !== hash.digest('hex')) return false;
  }
  return true;
}
