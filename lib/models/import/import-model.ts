import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type {
  Addon,
  Architecture,
  ClassifierArchitecture,
  DataType,
  DnabertArchitecture,
  Esm2Architecture,
} from '../../engine/addon.js';
import { expected, VirnucproError } from '../../errors.js';
import { TOKENIZER_FILE } from '../folder/archive.js';
import { MAX_CHUNK_SIZE, MIN_CHUNK_SIZE, readCalibration, readCard } from '../folder/annotations.js';
import { type Checkpoint, readCheckpoint } from '../checkpoint/checkpoint.js';
import type { AnyModel, OpenedModel, PartName } from '../folder/model-folder.js';
import type { ModelRegistry } from '../registry.js';
import { sha256OfFiles } from '../trust/sha256.js';
import { parseTokenizer } from '../tokenizers.js';
import { type NewPart, type OnModelProgress, writeModel } from '../folder/write-model.js';
import { importClassifier } from './classifier.js';
import { importDnabert } from './dnabert.js';
import { importEsm2 } from './esm2.js';
import type { ImportedPart } from './source-checkpoint.js';

interface ImportSettings {
  /** The name to install the model under. */
  readonly name: string;
  /** Data type of the language models in the archives. Defaults to `keep`: as in the checkpoints. */
  readonly dtype?: 'keep' | DataType;
  /** Path of the model's card: Markdown, at most a megabyte. Defaults to none. */
  readonly card?: string;
  /** Whether an installed model of this name is replaced. Defaults to false. */
  readonly overwrite?: boolean;
  readonly registry: ModelRegistry;
  readonly addon: Pick<Addon, 'writeArchive'>;
  readonly onProgress?: OnModelProgress;
  /**
   * Ends the work at its next step: the promise rejects with the signal's reason, and nothing is installed. Defaults to
   * none.
   */
  readonly signal?: AbortSignal;
}

/** A model for predictions. */
export interface ImportRequest extends ImportSettings {
  /** An ESM-2 checkpoint: a `.pt` of fair-esm, or a folder of transformers. */
  readonly protein: string;
  /** A DNABERT-S or DNABERT-2 checkpoint: a folder of transformers with `tokenizer.json`. */
  readonly dna: string;
  /** A classifier of VirNucPro: `300_model.pth` or `500_model.pth`. */
  readonly classifier: string;
  /** Chunk size: bases of a window that the classifier was trained with: 300 or 500 for the published ones. */
  readonly chunkSize: number;
  /** Path of a calibration: JSON with `temperature`, `triage` (see Calibration) or both. Defaults to none. */
  readonly calibration?: string;
}

/** A model that makes embeddings only: of one language model or of both, without a classifier. */
export interface EmbeddingImportRequest extends ImportSettings {
  /** An ESM-2 checkpoint of any size, as in ImportRequest. */
  readonly protein?: string;
  /** A DNABERT checkpoint, as in ImportRequest. */
  readonly dna?: string;
  readonly classifier?: undefined;
  readonly chunkSize?: undefined;
  readonly calibration?: undefined;
}

interface ReadPart<A extends Architecture> {
  readonly checkpoint: Checkpoint;
  readonly imported: ImportedPart<A>;
}

/**
 * Makes a model from published checkpoints and installs it. The checkpoints are read as data: no code in them is run.
 *
 * @throws VNP_CHECKPOINT for a checkpoint, card or calibration that is damaged or of another kind, VNP_USAGE for an
 *   invalid name or chunk size, parts that make no model, or a card or calibration that cannot be read; the registry is
 *   then unchanged
 */
export async function importModel(request: ImportRequest): Promise<OpenedModel>;
export async function importModel(request: ImportRequest | EmbeddingImportRequest): Promise<AnyModel>;
export async function importModel(request: ImportRequest | EmbeddingImportRequest): Promise<AnyModel> {
  const { name, chunkSize, registry, addon, onProgress, signal, overwrite = false } = request;
  signal?.throwIfAborted();
  checkParts(request);
  await registry.checkFree(name, overwrite);
  const card = request.card === undefined ? undefined : await readCard(resolve(request.card));
  const calibration =
    request.calibration === undefined ? undefined : await readCalibration(resolve(request.calibration));
  const dna = await readPart(request.dna, importDnabert);
  const tokenizer = dna && (await readTokenizer(dna.checkpoint, dna.imported.architecture));
  const protein = await readPart(request.protein, importEsm2);
  const classifier = await readPart(request.classifier, importClassifier);
  if (dna && protein && classifier) checkInputs(dna.imported.architecture, protein.imported.architecture, classifier);
  const parts = {
    ...(dna && { dna: await newPart('dna', dna, request, { [TOKENIZER_FILE]: tokenizer! }) }),
    ...(protein && { protein: await newPart('protein', protein, request) }),
    // The classifier is computed in float32, whatever the type of the language models.
    ...(classifier && { classifier: await newPart('classifier', classifier, { ...request, dtype: 'keep' }) }),
  };
  const options = { registry, addon, overwrite, signal, ...(onProgress && { onProgress }) };
  const described = {
    ...(chunkSize !== undefined && { chunkSize }),
    ...(card !== undefined && { card }),
    ...(calibration && { calibration }),
  };
  return writeModel({ name, random: false, ...described, parts }, options);
}

type Part = 'dna' | 'protein' | 'classifier' | 'chunkSize' | 'calibration';
type GivenParts = { readonly [Name in Part]?: ImportRequest[Name] | undefined };

/** Also checks callers without a compiler, such as the command. */
function checkParts({ dna, protein, classifier, chunkSize, calibration }: GivenParts): void {
  if (classifier !== undefined) {
    checkChunkSize(chunkSize);
    if (dna !== undefined && protein !== undefined) return;
    const received = dna === undefined && protein === undefined ? 'none' : 'one';
    throw expected('VNP_USAGE', 'both language models', 'a model with a classifier', received, EMBEDDINGS_ONLY);
  }
  if (dna === undefined && protein === undefined) {
    throw expected('VNP_USAGE', 'at least one language model', 'an import', 'none', 'Give ESM-2, DNABERT or both');
  }
  if (chunkSize === undefined && calibration === undefined) return;
  const what = chunkSize === undefined ? 'calibration' : 'chunk size';
  throw expected('VNP_USAGE', 'a classifier', `a model with a ${what}`, 'none', EMBEDDINGS_ONLY);
}

const EMBEDDINGS_ONLY = 'A model for embeddings alone has neither a classifier nor a chunk size or calibration';

/** Throws VNP_USAGE for a chunk size outside MIN_CHUNK_SIZE to MAX_CHUNK_SIZE. */
export function checkChunkSize(chunkSize: number | undefined): void {
  if (Number.isInteger(chunkSize) && chunkSize! >= MIN_CHUNK_SIZE && chunkSize! <= MAX_CHUNK_SIZE) return;
  const wanted = `a whole number from ${MIN_CHUNK_SIZE} to ${MAX_CHUNK_SIZE}`;
  throw expected('VNP_USAGE', wanted, 'the chunk size', String(chunkSize), 'The published classifiers have 300 or 500');
}

async function readPart<A extends Architecture>(
  path: string | undefined,
  importer: (checkpoint: Checkpoint) => ImportedPart<A>,
): Promise<ReadPart<A> | undefined> {
  if (path === undefined) return undefined;
  const checkpoint = await readCheckpoint(resolve(path));
  return { checkpoint, imported: importer(checkpoint) };
}

async function newPart(
  part: PartName,
  { checkpoint, imported }: ReadPart<Architecture>,
  { dtype = 'keep', onProgress, signal }: Pick<ImportRequest, 'dtype' | 'onProgress' | 'signal'>,
  extraFiles: Readonly<Record<string, string>> = {},
): Promise<NewPart> {
  signal?.throwIfAborted();
  onProgress?.({ part, step: 'read' });
  return {
    architecture: imported.architecture,
    parameters: imported.parameters,
    dtype: dtype === 'keep' ? imported.dtype : dtype,
    source: { name: basename(checkpoint.path), sha256: await sha256OfFiles(checkpoint.files) },
    extraFiles,
  };
}

/** The text of `tokenizer.json`, after checking that the encoder reproduces it exactly. */
async function readTokenizer({ folder }: Checkpoint, { vocabulary }: DnabertArchitecture): Promise<string> {
  const path = join(folder, TOKENIZER_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new VirnucproError(
      'VNP_CHECKPOINT',
      `There is no readable ${TOKENIZER_FILE} beside the weights of \`dna\`: ${(error as Error).message}. ` +
        'Add the file that was published with them',
    );
  }
  const { tokens } = parseTokenizer(text, path);
  if (tokens.length <= vocabulary) return text;
  throw new VirnucproError(
    'VNP_CHECKPOINT',
    `${path} has ${tokens.length} tokens, more than the ${vocabulary} of the weights. ` +
      'Use the file that was published with them',
  );
}

function checkInputs(
  dna: DnabertArchitecture,
  protein: Esm2Architecture,
  { checkpoint, imported }: ReadPart<ClassifierArchitecture>,
): void {
  const width = dna.width + protein.width;
  const { inputs } = imported.architecture;
  if (inputs === width) return;
  throw expected(
    'VNP_CHECKPOINT',
    `${width} inputs (${dna.width} of \`dna\` and ${protein.width} of \`protein\`)`,
    `\`classifier\` ${checkpoint.path}`,
    String(inputs),
    'The published classifiers go with DNABERT-S (768) and esm2_t36_3B_UR50D (2560)',
  );
}
