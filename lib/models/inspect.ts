import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture, DataType } from '../engine/addon.js';
import type { TriageThresholds } from './calibration.js';
import type { ModelCard } from './card.js';
import { parameterCount } from './parameters.js';
import { PART_NAMES, type OpenedModel, type PartName } from './pipeline.js';

/** One part of a model, for printing. */
export interface InspectedPart {
  readonly part: PartName;
  readonly family: Architecture['family'];
  /** Layers, widths and so on, by name. */
  readonly architecture: Architecture;
  /** Number of values. */
  readonly parameters: number;
  readonly dtype: DataType;
  /** Name of what it was made from, and the SHA-256 of its weights (null when random). */
  readonly source: string;
  readonly sourceSha256: string | null;
  readonly archive: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly createdBy: string;
}

/** A model, for printing. */
export interface InspectedModel {
  readonly name: string;
  readonly folder: string;
  /** Window length in bases. */
  readonly chunkSize: number;
  readonly random: boolean;
  /** Whether it came with this program. */
  readonly shipped: boolean;
  /** Where its card is: what it was trained on and what it can do. Absent where nobody has written one. */
  readonly card?: ModelCard;
  /** Calibrated scores are softmax(logits / temperature); absent in a model that was not calibrated. */
  readonly temperature?: number;
  /** Which of its calibrated window scores leave no doubt, by chunk size; mostly none. */
  readonly triage: readonly TriageThresholds[];
  /** Whether it came with this program, was made here or recorded as trusted, and is as it was then; see SECURITY.md. */
  readonly trusted: boolean;
  /** Tokens of the DNA tokenizer. */
  readonly tokens: number;
  readonly parts: readonly InspectedPart[];
  /** Every file of the folder. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly bytes: number;
}

/** Says all there is to know of a model as one plain object. */
export async function inspectModel(model: OpenedModel, trusted: boolean): Promise<InspectedModel> {
  const files = await filesOf(model.folder);
  return {
    name: model.name,
    folder: model.folder,
    chunkSize: model.chunkSize,
    random: model.random,
    shipped: model.shipped,
    ...(model.card && { card: model.card }),
    ...(model.temperature !== undefined && { temperature: model.temperature }),
    triage: model.triage,
    trusted,
    tokens: model.tokenizer.tokens.length,
    parts: PART_NAMES.map((part) => inspectPart(model, part)),
    files,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function inspectPart(model: OpenedModel, part: PartName): InspectedPart {
  const { architecture, dtype, source, path, sha256, bytes, createdBy } = model[part];
  return {
    part,
    family: architecture.family,
    architecture,
    parameters: parameterCount(architecture),
    dtype,
    source: source.name,
    sourceSha256: source.sha256,
    archive: path,
    sha256,
    bytes,
    createdBy,
  };
}

async function filesOf(folder: string): Promise<{ path: string; bytes: number }[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.sort().map(async (path) => ({ path, bytes: (await stat(path)).size })));
}
