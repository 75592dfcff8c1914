import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Addon, Architecture, ArchiveParameter, DataType } from '../../engine/addon.js';
import { packageVersion } from '../../package.js';
import type { ModelRegistry } from '../registry.js';
import { sha256OfFile } from '../trust/sha256.js';
import { type ArchiveMetadata, METADATA_FILE } from './archive.js';
import type { Calibration } from './annotations.js';
import { CARD_FILE } from './annotations.js';
import {
  type AnyModel,
  openAnyModel,
  type OpenedModel,
  PART_NAMES,
  type PartName,
  type Pipeline,
  PIPELINE_FILE,
  type PipelinePart,
} from './model-folder.js';

/** What is being done while a model is made, for a progress line. */
export interface ModelProgress {
  /** The part that is being made. */
  readonly part: PartName;
  /** Reading the checkpoint, writing the archive, or hashing it. */
  readonly step: 'read' | 'write' | 'hash';
}

/** Receives every step as it begins. */
export type OnModelProgress = (progress: ModelProgress) => void;

/** An archive to be written. */
export interface NewPart {
  readonly architecture: Architecture;
  readonly parameters: readonly ArchiveParameter[];
  /** Data type of the parameters in the archive. */
  readonly dtype: DataType;
  readonly source: ArchiveMetadata['source'];
  /** Extra files besides the metadata. */
  readonly extraFiles?: Readonly<Record<string, string>>;
}

export interface NewModel {
  readonly name: string;
  /** Chunk size: bases of a window. Absent in a model without a classifier. */
  readonly chunkSize?: number;
  readonly random: boolean;
  /** Text of the model's card, written to its folder and to each archive; at most MAX_CARD bytes. Defaults to none. */
  readonly card?: string;
  /** Defaults to none. */
  readonly calibration?: Calibration;
  /** All three, or only one or both language models. */
  readonly parts: Readonly<Partial<Record<PartName, NewPart>>>;
}

export interface WriteOptions {
  readonly registry: ModelRegistry;
  readonly addon: Pick<Addon, 'writeArchive'>;
  /** Whether an installed model of this name is replaced. Defaults to false. */
  readonly overwrite?: boolean;
  readonly onProgress?: OnModelProgress;
  /** Ends the work at its next step; nothing is installed then. Defaults to none. */
  readonly signal?: AbortSignal | undefined;
}

/** Writes a model's archives and installs it, whole or not at all. Returns the opened model. */
export async function writeModel(
  model: NewModel & { readonly chunkSize: number; readonly parts: Readonly<Record<PartName, NewPart>> },
  options: WriteOptions,
): Promise<OpenedModel>;
export async function writeModel(model: NewModel, options: WriteOptions): Promise<AnyModel>;
export async function writeModel(model: NewModel, options: WriteOptions): Promise<AnyModel> {
  const folder = await options.registry.install(model.name, options.overwrite ?? false, async (incoming) => {
    const parts: Partial<Record<PartName, PipelinePart>> = {};
    for (const part of PART_NAMES) {
      const given = model.parts[part];
      if (given) parts[part] = await writePart(incoming, part, given, model, options);
    }
    const pipeline: Pipeline = {
      format: 1,
      name: model.name,
      ...(model.chunkSize !== undefined && { chunkSize: model.chunkSize }),
      random: model.random,
      ...(model.calibration?.temperature !== undefined && { temperature: model.calibration.temperature }),
      ...(model.card !== undefined && { card: CARD_FILE }),
      ...(model.calibration && model.calibration.triage.length > 0 && { triage: model.calibration.triage }),
      ...parts,
    };
    if (model.card !== undefined) await writeFile(join(incoming, CARD_FILE), model.card);
    await writeFile(join(incoming, PIPELINE_FILE), `${JSON.stringify(pipeline, undefined, 2)}\n`);
    options.signal?.throwIfAborted();
    // Refuse to install a model that does not open.
    await openAnyModel(incoming);
  });
  return openAnyModel(folder);
}

async function writePart(
  folder: string,
  part: PartName,
  { architecture, parameters, dtype, source, extraFiles }: NewPart,
  model: NewModel,
  options: WriteOptions,
): Promise<PipelinePart> {
  const archive = `${part}/model.pt`;
  const path = join(folder, archive);
  const metadata: ArchiveMetadata = {
    format: 1,
    architecture,
    dtype,
    source,
    random: model.random,
    createdBy: `virnucpro ${packageVersion}`,
  };
  options.signal?.throwIfAborted();
  options.onProgress?.({ part, step: 'write' });
  await mkdir(dirname(path), { recursive: true });
  await options.addon.writeArchive({
    path,
    architecture,
    dtype,
    parameters,
    extraFiles: {
      [METADATA_FILE]: JSON.stringify(metadata, undefined, 2),
      ...(model.card !== undefined && { [CARD_FILE]: model.card }),
      ...extraFiles,
    },
  });
  options.signal?.throwIfAborted();
  options.onProgress?.({ part, step: 'hash' });
  return { archive, sha256: await sha256OfFile(path), bytes: (await stat(path)).size };
}
