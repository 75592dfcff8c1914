import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type {
  Architecture,
  BytePairVocabulary,
  ClassifierArchitecture,
  DataType,
  DnabertArchitecture,
  Esm2Architecture,
} from '../../engine/addon.js';
import { reasonOf, VirnucproError } from '../../errors.js';
import { JsonFields, parseStrictJson } from '../json.js';
import { parseTokenizer } from '../tokenizers.js';
import { type ArchiveContents, type ArchiveMetadata, readArchiveMetadata, TOKENIZER_FILE } from './archive.js';
import {
  calibrationOf,
  MAX_CHUNK_SIZE,
  MIN_CHUNK_SIZE,
  type ModelCard,
  openCard,
  type TriageThresholds,
} from './annotations.js';

export const PIPELINE_FILE = 'pipeline.json';

/** Maximum bytes of a pipeline.json; those written here have about 600. */
const MAX_PIPELINE = 1_000_000;

const IMPORT_AGAIN = 'Import the model again with `virnucpro models import`';

export const PART_NAMES = ['dna', 'protein', 'classifier'] as const;
export type PartName = (typeof PART_NAMES)[number];

/** A part as `pipeline.json` records it. */
export interface PipelinePart {
  /** Path of the archive in the model's folder, with `/`. */
  readonly archive: string;
  readonly sha256: string;
  /** Bytes. */
  readonly bytes: number;
}

/**
 * The file `pipeline.json` of a model's folder. Without a classifier, the model makes embeddings only: then it has one
 * language model or both, and neither a chunk size nor a calibration.
 */
export interface Pipeline {
  readonly format: 1;
  readonly name: string;
  /** Chunk size: bases of a window. */
  readonly chunkSize?: number;
  readonly random: boolean;
  /** See Calibration; absent in an uncalibrated model, such as one of the published weights. */
  readonly temperature?: number;
  /** Path of the model's card in its folder, with `/`. */
  readonly card?: string;
  /** See Calibration. */
  readonly triage?: readonly TriageThresholds[];
  readonly dna?: PipelinePart;
  readonly protein?: PipelinePart;
  readonly classifier?: PipelinePart;
}

/** A part of a model, and where its archive is. */
export interface OpenedPart<A extends Architecture> {
  /** The archive. */
  readonly path: string;
  /** Family and sizes. */
  readonly architecture: A;
  /** Data type of the stored values. */
  readonly dtype: DataType;
  /** Number of values. */
  readonly parameters: number;
  /** Of the archive, hexadecimal. */
  readonly sha256: string;
  /** Bytes. */
  readonly bytes: number;
  /** The checkpoint or size that it was made from. */
  readonly source: ArchiveMetadata['source'];
  /** The program and version that wrote the archive. */
  readonly createdBy: string;
}

/** What every model has, whatever its parts. */
export interface ModelDescription {
  /** Name that `open` finds it by. */
  readonly name: string;
  /** Path of its folder. */
  readonly folder: string;
  /** SHA-256 of `pipeline.json`, which contains those of the archives: it identifies the whole model. */
  readonly pipelineSha256: string;
  /** Whether any weights are random, so that scores and embeddings mean nothing. */
  readonly random: boolean;
  /** Whether it came with this program. */
  readonly shipped: boolean;
  /** What it was trained on and what it can do, in Markdown; absent if nobody has written it. */
  readonly card?: ModelCard;
}

/** Everything that a run needs to know about a model; no weights are loaded. */
export interface OpenedModel extends ModelDescription {
  /** Chunk size: bases of a window. */
  readonly chunkSize: number;
  /** Calibrated scores are softmax(logits / temperature); absent in a model that was not calibrated. */
  readonly temperature?: number;
  /** Which of its calibrated window scores leave no doubt, by chunk size; usually empty. */
  readonly triage: readonly TriageThresholds[];
  /** DNABERT-S. */
  readonly dna: OpenedPart<DnabertArchitecture>;
  /** ESM-2. */
  readonly protein: OpenedPart<Esm2Architecture>;
  /** Reads the embeddings of both. */
  readonly classifier: OpenedPart<ClassifierArchitecture>;
  /** Of the DNA model. */
  readonly tokenizer: BytePairVocabulary;
}

/** A model without a classifier: it makes embeddings, but no predictions. It has one language model, or both. */
export interface EmbeddingModel extends ModelDescription {
  /** DNABERT-S. */
  readonly dna?: OpenedPart<DnabertArchitecture>;
  /** ESM-2. */
  readonly protein?: OpenedPart<Esm2Architecture>;
  /** Present if `dna` is. */
  readonly tokenizer?: BytePairVocabulary;
  /** It has none. */
  readonly classifier?: undefined;
}

/** A model for predictions, or one for embeddings only. */
export type AnyModel = OpenedModel | EmbeddingModel;

/** The names of the parts that a model has, in the order of PART_NAMES. */
export function partNames(model: { readonly [Part in PartName]?: unknown }): PartName[] {
  return PART_NAMES.filter((part) => model[part] !== undefined);
}

/** @throws VNP_MODEL_INVALID for a model that makes embeddings only */
export function forPrediction(model: AnyModel): OpenedModel {
  if (model.classifier) return model;
  throw new VirnucproError(
    'VNP_MODEL_INVALID',
    `The model ${model.name} has no classifier: it makes embeddings, but no predictions. ` +
      'Use it for embeddings (`virnucpro embed`, or `openEmbedder` in a program), or name a model with a classifier; ' +
      '`virnucpro models list` shows which have one',
  );
}

/**
 * Opens a model's folder: reads `pipeline.json` and the archives' own descriptions, and checks that they fit together.
 * All of it is read as data, whatever its origin: no code is run. Checks the archives' sizes, not their hashes. Before
 * libtorch opens an archive, the caller must also pass `ModelRegistry.findTrusted` and `verifyFiles`.
 *
 * @param options.shipped whether the folder came with this program. Defaults to false
 * @throws VNP_MODEL_MISSING without a pipeline.json, VNP_MODEL_INVALID when something is damaged or does not fit, or
 *   the model makes embeddings only
 */
export async function openModel(folder: string, options: { readonly shipped?: boolean } = {}): Promise<OpenedModel> {
  return forPrediction(await openAnyModel(folder, options));
}

/** Like `openModel`, for a model that may make embeddings only. */
export async function openAnyModel(folder: string, { shipped = false } = {}): Promise<AnyModel> {
  const { pipeline, sha256 } = await readPipeline(folder);
  const { chunkSize, temperature, card, triage = [] } = pipeline;
  const [dna, protein, classifier] = await Promise.all([
    openPart(folder, pipeline.dna, isDnabert, 'a DNABERT archive'),
    openPart(folder, pipeline.protein, isEsm2, 'an ESM-2 archive'),
    openPart(folder, pipeline.classifier, isClassifier, 'a classifier archive'),
  ]);
  const tokenizer = dna && readTokenizer(dna.part, dna.contents);
  const described = {
    name: pipeline.name,
    folder,
    pipelineSha256: sha256,
    random: [dna, protein, classifier].some((one) => one?.contents.metadata.random) || pipeline.random,
    shipped,
    ...(card !== undefined && { card: await openCard(folder, card) }),
  };
  if (dna && tokenizer && protein && classifier && chunkSize !== undefined) {
    checkInputs(folder, dna.part, protein.part, classifier.part);
    const parts = { dna: dna.part, protein: protein.part, classifier: classifier.part, tokenizer };
    return { ...described, chunkSize, ...(temperature !== undefined && { temperature }), triage, ...parts };
  }
  return {
    ...described,
    ...(dna && tokenizer && { dna: dna.part, tokenizer }),
    ...(protein && { protein: protein.part }),
  };
}

/**
 * The names of the parts that a model's `pipeline.json` lists, without looking at the archives.
 * @throws VNP_MODEL_MISSING, VNP_MODEL_INVALID
 */
export async function readPartNames(folder: string): Promise<PartName[]> {
  return partNames((await readPipeline(folder)).pipeline);
}

/** The hash is of the bytes that were read, even if the file changes meanwhile. */
async function readPipeline(folder: string): Promise<{ pipeline: Pipeline; sha256: string }> {
  const path = join(folder, PIPELINE_FILE);
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > MAX_PIPELINE) throw new Error(`${size} bytes of ${PIPELINE_FILE}`);
    bytes = await readFile(path);
  } catch (error) {
    const message = `The model folder ${folder} has no readable ${PIPELINE_FILE}: ${reasonOf(error)}. ${IMPORT_AGAIN}`;
    throw new VirnucproError('VNP_MODEL_MISSING', message, { cause: error });
  }
  let value: unknown;
  try {
    value = parseStrictJson(bytes.toString('utf8'));
  } catch (error) {
    throw new VirnucproError('VNP_MODEL_INVALID', `${path} is ${(error as Error).message}`, { cause: error });
  }
  const pipeline = pipelineOf(JsonFields.of(value, path), folder, path);
  return { pipeline, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function pipelineOf(fields: JsonFields, folder: string, path: string): Pipeline {
  return {
    format: fields.oneOf('format', 1),
    // The model is named after its folder, which can be renamed.
    name: basename(folder) || fields.text('name'),
    random: fields.flag('random'),
    ...(fields.has('card') && { card: readPath(fields, 'card', path) }),
    ...(isForPrediction(fields) ? readPrediction(fields, path) : readLanguageModels(fields, path)),
  };
}

/** A model with any of these must have everything that predictions need: then none of it was lost. */
function isForPrediction(fields: JsonFields): boolean {
  return ['classifier', 'chunkSize', 'temperature', 'triage'].some((name) => fields.has(name));
}

function readPrediction(fields: JsonFields, path: string): Omit<Pipeline, 'format' | 'name' | 'random'> {
  return {
    chunkSize: fields.whole('chunkSize', MIN_CHUNK_SIZE, MAX_CHUNK_SIZE),
    ...calibrationOf(fields),
    dna: readPart(fields.inner('dna'), path),
    protein: readPart(fields.inner('protein'), path),
    classifier: readPart(fields.inner('classifier'), path),
  };
}

function readLanguageModels(fields: JsonFields, path: string): Pick<Pipeline, 'dna' | 'protein'> {
  if (!fields.has('dna') && !fields.has('protein')) throw invalid(`${path} lists no part of a model`);
  return {
    ...(fields.has('dna') && { dna: readPart(fields.inner('dna'), path) }),
    ...(fields.has('protein') && { protein: readPart(fields.inner('protein'), path) }),
  };
}

/** Reads the path of a file in the model's folder. Refuses any path that leads out of it. */
function readPath(fields: JsonFields, name: string, path: string): string {
  const found = fields.text(name);
  if (found.split('/').every((one) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(one))) return found;
  const received = JSON.stringify(found.slice(0, 80));
  throw invalid(`${name} of ${path} is ${received}, which is not the path of a file in the folder`);
}

function readPart(fields: JsonFields, path: string): PipelinePart {
  const archive = readPath(fields, 'archive', path);
  return { archive, sha256: fields.sha256('sha256'), bytes: fields.whole('bytes', 1, Number.MAX_SAFE_INTEGER) };
}

async function readArchive(path: string, { bytes }: PipelinePart): Promise<ArchiveContents> {
  let size: number;
  try {
    ({ size } = await stat(path));
  } catch (error) {
    throw invalid(`The archive ${path} cannot be read: ${reasonOf(error)}`);
  }
  if (size !== bytes) throw invalid(`The archive ${path} has ${size} bytes instead of ${bytes}`);
  return readArchiveMetadata(path);
}

const isDnabert = (one: Architecture): one is DnabertArchitecture => one.family === 'dnabert2';
const isEsm2 = (one: Architecture): one is Esm2Architecture => one.family === 'esm2';
const isClassifier = (one: Architecture): one is ClassifierArchitecture => one.family === 'classifier';

/** A part with everything that its archive says. */
interface ReadPart<A extends Architecture> {
  readonly part: OpenedPart<A>;
  readonly contents: ArchiveContents;
}

async function openPart<A extends Architecture>(
  folder: string,
  recorded: PipelinePart | undefined,
  isRight: (architecture: Architecture) => architecture is A,
  what: string,
): Promise<ReadPart<A> | undefined> {
  if (!recorded) return undefined;
  const { archive, sha256, bytes } = recorded;
  const path = join(folder, archive);
  const contents = await readArchive(path, recorded);
  const { architecture, dtype, source, createdBy } = contents.metadata;
  if (!isRight(architecture)) throw invalid(`The archive ${path} is for ${architecture.family}: it is not ${what}`);
  const { parameters } = contents;
  return { part: { path, architecture, dtype, parameters, sha256, bytes, source, createdBy }, contents };
}

function readTokenizer(
  { path, architecture: { vocabulary } }: OpenedPart<DnabertArchitecture>,
  { tokenizer: text }: ArchiveContents,
): BytePairVocabulary {
  if (text === undefined) throw invalid(`The archive ${path} has no ${TOKENIZER_FILE}`);
  let tokenizer: BytePairVocabulary;
  try {
    tokenizer = parseTokenizer(text, `${TOKENIZER_FILE} of ${path}`);
  } catch (error) {
    throw new VirnucproError('VNP_MODEL_INVALID', (error as Error).message, { cause: error });
  }
  if (tokenizer.tokens.length <= vocabulary) return tokenizer;
  throw invalid(`The DNA part ${path} has ${tokenizer.tokens.length} tokens, but ${vocabulary} embeddings`);
}

function checkInputs(
  folder: string,
  dna: OpenedPart<DnabertArchitecture>,
  protein: OpenedPart<Esm2Architecture>,
  { architecture: { inputs } }: OpenedPart<ClassifierArchitecture>,
): void {
  const width = dna.architecture.width + protein.architecture.width;
  if (inputs === width) return;
  throw invalid(`The classifier in ${folder} has ${inputs} inputs, but the language models give ${width} values`);
}

function invalid(problem: string): VirnucproError {
  return new VirnucproError('VNP_MODEL_INVALID', `${problem}. ${IMPORT_AGAIN}`);
}
