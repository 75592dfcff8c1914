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

/** The file `pipeline.json` of a model's folder. */
export interface Pipeline {
  readonly format: 1;
  readonly name: string;
  /** Chunk size: bases of a window. */
  readonly chunkSize: number;
  readonly random: boolean;
  /** See Calibration; absent in an uncalibrated model, such as one of the published weights. */
  readonly temperature?: number;
  /** Path of the model's card in its folder, with `/`. */
  readonly card?: string;
  /** See Calibration. */
  readonly triage?: readonly TriageThresholds[];
  readonly dna: PipelinePart;
  readonly protein: PipelinePart;
  readonly classifier: PipelinePart;
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

/** Everything that a run needs to know about a model; no weights are loaded. */
export interface OpenedModel {
  /** Name that `open` finds it by. */
  readonly name: string;
  /** Path of its folder. */
  readonly folder: string;
  /** SHA-256 of `pipeline.json`, which contains those of the archives: it identifies the whole model. */
  readonly pipelineSha256: string;
  /** Chunk size: bases of a window. */
  readonly chunkSize: number;
  /** Whether any weights are random, so that scores mean nothing. */
  readonly random: boolean;
  /** Whether it came with this program. */
  readonly shipped: boolean;
  /** Calibrated scores are softmax(logits / temperature); absent in a model that was not calibrated. */
  readonly temperature?: number;
  /** What it was trained on and what it can do, in Markdown; absent if nobody has written it. */
  readonly card?: ModelCard;
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

/**
 * Opens a model's folder: reads `pipeline.json` and the archives' own descriptions, and checks that they fit together.
 * All of it is read as data, whatever its origin: no code is run. Checks the archives' sizes, not their hashes. Before
 * libtorch opens an archive, the caller must also pass `ModelRegistry.findTrusted` and `verifyFiles`.
 *
 * @param options.shipped whether the folder came with this program. Defaults to false
 * @throws VNP_MODEL_MISSING without a pipeline.json, VNP_MODEL_INVALID when something is damaged or does not fit
 */
export async function openModel(folder: string, { shipped = false } = {}): Promise<OpenedModel> {
  const { pipeline, sha256 } = await readPipeline(folder);
  const { temperature, card, triage = [] } = pipeline;
  const [dna, protein, classifier] = (await Promise.all(
    PART_NAMES.map((part) => readArchive(join(folder, pipeline[part].archive), pipeline[part])),
  )) as [ArchiveContents, ArchiveContents, ArchiveContents];
  const model: OpenedModel = {
    name: pipeline.name,
    folder,
    pipelineSha256: sha256,
    chunkSize: pipeline.chunkSize,
    random: [dna, protein, classifier].some(({ metadata }) => metadata.random) || pipeline.random,
    shipped,
    ...(temperature !== undefined && { temperature }),
    ...(card !== undefined && { card: await openCard(folder, card) }),
    triage,
    dna: openPart(folder, pipeline.dna, dna, isDnabert, 'a DNABERT archive'),
    protein: openPart(folder, pipeline.protein, protein, isEsm2, 'an ESM-2 archive'),
    classifier: openPart(folder, pipeline.classifier, classifier, isClassifier, 'a classifier archive'),
    tokenizer: readTokenizer(join(folder, pipeline.dna.archive), dna),
  };
  checkFit(model);
  return model;
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
    chunkSize: fields.whole('chunkSize', MIN_CHUNK_SIZE, MAX_CHUNK_SIZE),
    random: fields.flag('random'),
    ...calibrationOf(fields),
    ...(fields.has('card') && { card: readPath(fields, 'card', path) }),
    dna: readPart(fields.inner('dna'), path),
    protein: readPart(fields.inner('protein'), path),
    classifier: readPart(fields.inner('classifier'), path),
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

function openPart<A extends Architecture>(
  folder: string,
  { archive, sha256, bytes }: PipelinePart,
  { metadata, parameters }: ArchiveContents,
  isRight: (architecture: Architecture) => architecture is A,
  what: string,
): OpenedPart<A> {
  const path = join(folder, archive);
  const { architecture, dtype, source, createdBy } = metadata;
  if (!isRight(architecture)) throw invalid(`The archive ${path} is for ${architecture.family}: it is not ${what}`);
  return { path, architecture, dtype, parameters, sha256, bytes, source, createdBy };
}

function readTokenizer(path: string, { tokenizer }: ArchiveContents): BytePairVocabulary {
  if (tokenizer === undefined) throw invalid(`The archive ${path} has no ${TOKENIZER_FILE}`);
  try {
    return parseTokenizer(tokenizer, `${TOKENIZER_FILE} of ${path}`);
  } catch (error) {
    throw new VirnucproError('VNP_MODEL_INVALID', (error as Error).message, { cause: error });
  }
}

function checkFit({ folder, dna, protein, classifier, tokenizer }: OpenedModel): void {
  const width = dna.architecture.width + protein.architecture.width;
  if (classifier.architecture.inputs !== width) {
    const { inputs } = classifier.architecture;
    throw invalid(`The classifier in ${folder} has ${inputs} inputs, but the language models give ${width} values`);
  }
  if (tokenizer.tokens.length > dna.architecture.vocabulary) {
    const { vocabulary } = dna.architecture;
    throw invalid(`The DNA part in ${folder} has ${tokenizer.tokens.length} tokens, but ${vocabulary} embeddings`);
  }
}

function invalid(problem: string): VirnucproError {
  return new VirnucproError('VNP_MODEL_INVALID', `${problem}. ${IMPORT_AGAIN}`);
}
