import { DATA_TYPES } from '../../engine/addon.js';
import type {
  Architecture,
  ClassifierArchitecture,
  DataType,
  DnabertArchitecture,
  Esm2Architecture,
} from '../../engine/addon.js';
import { VirnucproError } from '../../errors.js';
import { CheckpointFile, damaged, ELEMENT_BYTES } from '../checkpoint/checkpoint-file.js';
import { JsonFields, parseStrictJson } from '../json.js';
import { ZipFile } from '../checkpoint/zip.js';
import { CARD_FILE, MAX_CARD } from './annotations.js';

/** Names of the extra files in an archive. */
export const METADATA_FILE = 'virnucpro.json';
export const TOKENIZER_FILE = 'tokenizer.json';

const MAX_EXTRA_FILE = 50_000_000;

/** An archive's own description, in its extra file `virnucpro.json`. */
export interface ArchiveMetadata {
  readonly format: 1;
  readonly architecture: Architecture;
  /** Data type of the stored parameters. */
  readonly dtype: DataType;
  readonly source: {
    /** Name of the checkpoint's file or folder, or of the published size for random weights. */
    readonly name: string;
    /** SHA-256 of the checkpoint's weights, see sha256OfFiles; null for random weights. */
    readonly sha256: string | null;
  };
  /** Whether the weights are random: the scores of such a model mean nothing. */
  readonly random: boolean;
  /** Program and version that wrote the archive. */
  readonly createdBy: string;
}

export interface ArchiveContents {
  readonly metadata: ArchiveMetadata;
  /** Number of values in its parameters. */
  readonly parameters: number;
  /** Text of `tokenizer.json`, if the archive has one. */
  readonly tokenizer?: string;
  /** Text of `card.md`, if the archive has one: describes the model to anyone who has only this file. */
  readonly card?: string;
}

/**
 * Reads the extra files of an archive without loading its weights.
 *
 * @throws VNP_MODEL_INVALID when it is missing, damaged, or was not written by this project
 */
export async function readArchiveMetadata(path: string): Promise<ArchiveContents> {
  try {
    return await CheckpointFile.use(path, async (file) => {
      const zip = await ZipFile.open(file);
      const text = await readExtra(zip, METADATA_FILE);
      if (text === undefined) throw damaged(path, `has no ${METADATA_FILE}: it was not written by virnucpro`);
      const metadata = parseMetadata(text, path);
      const tokenizer = await readExtra(zip, TOKENIZER_FILE);
      const card = await readExtra(zip, CARD_FILE, MAX_CARD);
      return {
        metadata,
        parameters: tensorBytes(zip) / ELEMENT_BYTES[metadata.dtype],
        ...(tokenizer !== undefined && { tokenizer }),
        ...(card !== undefined && { card }),
      };
    });
  } catch (error) {
    if (!(error instanceof VirnucproError) || error.code !== 'VNP_CHECKPOINT') throw error;
    throw new VirnucproError('VNP_MODEL_INVALID', `The archive ${error.message}. Import the model again`, {
      cause: error,
    });
  }
}

/** TorchScript stores each tensor at `NAME/data/NUMBER`. */
function tensorBytes(zip: ZipFile): number {
  const tensors = [...zip.entries.values()].filter(({ name }) => /^[^/]+\/data\/\d+$/.test(name));
  return tensors.reduce((sum, { size }) => sum + size, 0);
}

/** TorchScript stores extra files at `NAME/extra/FILE`, where NAME is the archive's own. */
async function readExtra(zip: ZipFile, name: string, most = MAX_EXTRA_FILE): Promise<string | undefined> {
  const suffix = `/extra/${name}`;
  const entry = [...zip.entries.keys()].find(
    (one) => one.endsWith(suffix) && one.indexOf('/') === one.length - suffix.length,
  );
  return entry === undefined ? undefined : (await zip.read(entry, most)).toString('utf8');
}

function parseMetadata(text: string, path: string): ArchiveMetadata {
  const where = `${METADATA_FILE} of ${path}`;
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (error) {
    throw new VirnucproError('VNP_MODEL_INVALID', `${where} is ${(error as Error).message}`, { cause: error });
  }
  const fields = JsonFields.of(value, where);
  const source = fields.inner('source');
  return {
    format: fields.oneOf('format', 1),
    architecture: readArchitecture(fields.inner('architecture')),
    dtype: fields.oneOf('dtype', ...DATA_TYPES),
    source: { name: source.text('name'), sha256: source.isNull('sha256') ? null : source.sha256('sha256') },
    random: fields.flag('random'),
    createdBy: fields.text('createdBy'),
  };
}

const MAX_LAYERS = 1000;
const MAX_WIDTH = 1_000_000;

/** Checks an architecture that was read from JSON. Throws VNP_MODEL_INVALID. */
function readArchitecture(fields: JsonFields): Architecture {
  switch (fields.oneOf('family', 'esm2', 'dnabert2', 'classifier')) {
    case 'esm2':
      return readEsm2(fields);
    case 'dnabert2':
      return readDnabert(fields);
    case 'classifier':
      return readClassifier(fields);
  }
}

function readEsm2(fields: JsonFields): Esm2Architecture {
  return { family: 'esm2', ...readEncoder(fields) };
}

function readDnabert(fields: JsonFields): DnabertArchitecture {
  return {
    family: 'dnabert2',
    ...readEncoder(fields),
    tokenTypes: fields.whole('tokenTypes', 1, MAX_WIDTH),
    layerNormEpsilon: fields.positive('layerNormEpsilon'),
  };
}

function readEncoder(fields: JsonFields): Omit<Esm2Architecture, 'family'> {
  return {
    layers: fields.whole('layers', 1, MAX_LAYERS),
    width: fields.whole('width', 1, MAX_WIDTH),
    heads: fields.whole('heads', 1, MAX_WIDTH),
    feedForward: fields.whole('feedForward', 1, MAX_WIDTH),
    vocabulary: fields.whole('vocabulary', 1, MAX_WIDTH),
  };
}

function readClassifier(fields: JsonFields): ClassifierArchitecture {
  return {
    family: 'classifier',
    inputs: fields.whole('inputs', 1, MAX_WIDTH),
    hidden: fields.whole('hidden', 1, MAX_WIDTH),
    batchNormEpsilon: fields.positive('batchNormEpsilon'),
  };
}
