import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { temperatureOf, UNCALIBRATED, VirnucproError } from '../index.js';
import type { InputFile, InspectedModel, InspectedTriage } from '../index.js';
import { checkFiles, whatChanged } from '../output/check-files.js';
import { JOURNAL, RUN_MANIFEST } from '../output/files.js';
import { isFinal, type ManifestModel, type RunManifest } from '../output/manifest.js';
import { readManifest } from '../rescore/result-manifest.js';
import type { PredictCommandOptions } from './predict-options.js';

/** What this command is to compute. */
export interface WantedRun {
  readonly model: InspectedModel;
  readonly triage: InspectedTriage | undefined;
  readonly inputs: readonly InputFile[];
}

export interface CompleteRun {
  readonly manifest: RunManifest;
  /** What is wrong with its files, in words: then nothing can be said to be complete. */
  readonly damage: string | undefined;
}

/**
 * The run of this very command whose results the output directory holds, where nothing is left to do: for a job that is
 * put into the queue again. Its inputs are hashed for that, and its files: only these say that it is complete. Of standard
 * input it cannot be known.
 * @param signal ends the hashing
 */
export async function completeRun(
  words: PredictCommandOptions,
  { model, triage, inputs }: WantedRun,
  signal: AbortSignal,
): Promise<CompleteRun | undefined> {
  const has = (name: string): boolean => existsSync(join(words.output, name));
  if (has(JOURNAL.name) || !has(RUN_MANIFEST.name)) return undefined;
  const manifest = await readManifest(words.output);
  const isThisRun =
    isFinal(manifest) &&
    hasSameParameters(manifest, words, temperatureOf(model, words.calibration)) &&
    hasSameParts(manifest.model, model) &&
    hasSameTriage(manifest, triage) &&
    (await hasSameInputs(manifest, inputs, signal));
  return isThisRun ? { manifest, damage: await damageOf(words.output, manifest, signal) } : undefined;
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

function hasSameParts(known: ManifestModel, { parts }: InspectedModel): boolean {
  return parts.every(({ part, sha256 }) => known.parts.find(({ role }) => role === part)?.sha256 === sha256);
}

function hasSameTriage({ triage: known }: RunManifest, wanted: InspectedTriage | undefined): boolean {
  if (!known || !wanted) return !known === !wanted;
  return (
    hasSameParts(known.model, wanted.model) &&
    known.othersBelow === wanted.othersBelow &&
    known.virusAtLeast === wanted.virusAtLeast &&
    known.ruleTemperature === wanted.key.triageTemperature
  );
}

function hasSameParameters(
  { parameters, devices }: RunManifest,
  words: PredictCommandOptions,
  temperature: number,
): boolean {
  const { threshold, minFraction, precision, engine, keepIntermediate = false, saveEmbeddings = false } = words;
  const wanted = { threshold, minFraction, engine, keepIntermediate, saveEmbeddings };
  return (
    (precision === 'auto' || devices.every((device) => device.precision === precision)) &&
    (parameters.temperature ?? UNCALIBRATED) === temperature &&
    Object.entries(wanted).every(([name, value]) => parameters[name] === value)
  );
}

async function hasSameInputs(
  { inputs }: RunManifest,
  files: readonly InputFile[],
  signal: AbortSignal,
): Promise<boolean> {
  if (inputs.length !== files.length) return false;
  for (const [index, { path, size }] of files.entries()) {
    // Sizes first: they cost nothing. What has none is no file, and cannot be read twice.
    if (size === undefined || inputs[index]!.bytes !== size) return false;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash, { signal });
    if (inputs[index]!.sha256 !== hash.digest('hex')) return false;
  }
  return true;
}
