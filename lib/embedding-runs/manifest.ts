import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ManifestInput, ManifestModelPart } from '../output/manifest.js';
import type { Versions } from '../package.js';
import type { DeviceSummary } from '../predict/run-status.js';
import { textOrNothing } from './plan.js';
import type { EmbeddingPlan } from './plan.js';

export const EMBEDDING_MANIFEST_VERSION = 1;

/** What went into a run of embeddings and came out of it: records = embedded + invalid + failed. */
export interface EmbeddingRunCounts {
  /** Records read. */
  readonly records: number;
  /** Records with an embedding: those of the file. */
  readonly embedded: number;
  /** Records that could not be read: wrong letters, none, or too many for `longSequences: 'error'`. */
  readonly invalid: number;
  /** Records that no device could compute. */
  readonly failed: number;
  /** Letters of all records. */
  readonly letters: number;
  /** Tokens, special ones and those of overlapping windows included. */
  readonly tokens: number;
}

/** A file of the run, or a folder with this many files. */
export interface EmbeddingManifestFile {
  /** Beside the manifest. */
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal; null for a folder. */
  readonly sha256: string | null;
  /** Only of a folder. */
  readonly files?: number;
}

/** The manifest beside a file of embeddings. */
export interface EmbeddingManifest {
  readonly formatVersion: number;
  readonly versions: Versions;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly finished: string;
  readonly commandLine: readonly string[];
  /** Absolute; relative paths of inputs start here. */
  readonly workingDirectory: string;
  /** `partial`: some records have no embedding. */
  readonly outcome: 'complete' | 'partial';
  readonly model: {
    readonly name: string;
    readonly random: boolean;
    readonly part: ManifestModelPart;
  };
  readonly parameters: EmbeddingParameters;
  readonly inputs: readonly ManifestInput[];
  readonly devices: readonly DeviceSummary[];
  readonly counts: EmbeddingRunCounts;
  /** Sequences, and windows of sequences, whose states come from the journal of an earlier run. */
  readonly sequencesFromJournal: number;
  readonly seconds: { readonly load: number; readonly total: number };
  readonly peakResidentBytes: number;
  readonly warnings: readonly string[];
  readonly files: readonly EmbeddingManifestFile[];
}

/** What decided the numbers besides the model. */
export interface EmbeddingParameters {
  readonly layers: readonly number[];
  readonly pool: string;
  readonly width: number;
  readonly longSequences: string;
  readonly maxLength: number;
  /** As requested: what each device chose is in `devices`. */
  readonly precision: string;
  readonly batchTokens: number;
  readonly format: string;
}

/** Path of the manifest of a file or folder of embeddings. */
export function manifestPath(output: string): string {
  return `${output.replace(/\/+$/, '')}.run.json`;
}

/** The finished results of this very plan; undefined if there are none, or they are not as the run left them. */
export async function completeEmbeddings(
  plan: EmbeddingPlan,
  signal: AbortSignal,
): Promise<EmbeddingManifest | undefined> {
  const manifest = await readEmbeddingManifest(plan.output);
  if (!manifest || !isOfPlan(manifest, plan) || manifest.counts.failed > 0) return undefined;
  if (!(await hasInputs(manifest, plan, signal))) return undefined;
  for (const file of manifest.files) {
    const found = await describeFile(join(plan.output, '..', file.name), signal).catch(() => undefined);
    signal.throwIfAborted();
    if (found?.bytes !== file.bytes || found.sha256 !== file.sha256 || found.files !== file.files) return undefined;
  }
  return manifest;
}

/** Undefined if there is none, or it is of another version. */
export async function readEmbeddingManifest(output: string): Promise<EmbeddingManifest | undefined> {
  try {
    const value = JSON.parse((await textOrNothing(manifestPath(output))) ?? '{}') as Partial<EmbeddingManifest>;
    const isKnown = value.formatVersion === EMBEDDING_MANIFEST_VERSION && value.parameters !== undefined;
    return isKnown ? (value as EmbeddingManifest) : undefined;
  } catch {
    return undefined;
  }
}

function isOfPlan({ parameters, model, devices }: EmbeddingManifest, plan: EmbeddingPlan): boolean {
  const { language, settings, layers, pool, format } = plan;
  const { precision } = settings.model;
  return (
    model.part.sha256 === language.opened.sha256 &&
    model.part.role === settings.part &&
    parameters.layers.join() === layers.join() &&
    parameters.pool === pool &&
    parameters.format === format &&
    parameters.longSequences === settings.longSequences &&
    parameters.maxLength === settings.maxLength &&
    (precision === 'auto' || devices.every((device) => device.precision === precision))
  );
}

async function hasInputs(
  { inputs }: EmbeddingManifest,
  { files }: EmbeddingPlan,
  signal: AbortSignal,
): Promise<boolean> {
  if (inputs.length !== files.length) return false;
  for (const [index, { path, size }] of files.entries()) {
    // Sizes first: they cost nothing. An input without a size cannot be read twice.
    if (size === undefined || inputs[index]!.bytes !== size) return false;
    if (inputs[index]!.sha256 !== (await digestOf(path, signal))) return false;
  }
  return true;
}

/** What the manifest says of a file or folder. */
export async function describeFile(path: string, signal?: AbortSignal): Promise<EmbeddingManifestFile> {
  const name = basename(path);
  const status = await stat(path);
  if (!status.isDirectory()) return { name, bytes: status.size, sha256: await digestOf(path, signal) };
  const names = await readdir(path);
  let bytes = 0;
  for (const one of names) bytes += (await stat(join(path, one))).size;
  return { name, bytes, sha256: null, files: names.length };
}

async function digestOf(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal ? { signal } : {});
  return hash.digest('hex');
}
