import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expected, VirnucproError } from '../../errors.js';
import { CheckpointFile, damaged, quoted, type StoredTensor } from './checkpoint-file.js';
import type { PickledValue } from './pickle-values.js';
import { looksLikeSafetensors, readSafetensors } from './safetensors.js';
import { namedTensors, readTorchFile, torchLayout } from './torch-file.js';
import { isJsonObject, type JsonObject, parseStrictJson, property } from '../json.js';

/** A published checkpoint, read without the values of its weights. */
export interface Checkpoint {
  /** The path that was given: a file or a folder. */
  readonly path: string;
  /** The folder of its companion files (`config.json`, `tokenizer.json`). */
  readonly folder: string;
  /** The files of weights. */
  readonly files: readonly string[];
  /** By name in the state dict. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The object given to torch.save; absent for safetensors and for shards. */
  readonly root?: PickledValue;
  /** `config.json` of the folder, if it has one. */
  readonly config?: JsonObject;
}

interface Weights {
  files: string[];
  tensors: Map<string, StoredTensor>;
  root?: PickledValue;
}

const MAX_JSON = 50_000_000;

/** In transformers' order of preference. */
const FOLDER_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

/**
 * Reads a checkpoint: a file (safetensors, or either format of torch.save, detected from the content and not the name)
 * or a folder as transformers writes it. Reads only headers, never the weights, and runs no code in them.
 *
 * @throws VNP_CHECKPOINT when it is missing, truncated, corrupt, or of an unknown kind
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const isFolder = await isDirectory(path);
  const folder = isFolder ? path : dirname(path);
  const weights = isFolder ? await readFolder(path) : await readWeights(path);
  const config = await readOptionalJson(join(folder, 'config.json'));
  return { path, folder, ...weights, ...(config && { config }) };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw expected('VNP_CHECKPOINT', 'a checkpoint file or folder', path, (error as Error).message);
  }
}

async function readFolder(folder: string): Promise<Weights> {
  for (const name of FOLDER_FILES) {
    const path = join(folder, name);
    if (!(await exists(path))) continue;
    return name.endsWith('.json') ? await readShards(folder, path) : await readWeights(path);
  }
  throw new VirnucproError(
    'VNP_CHECKPOINT',
    `The folder ${folder} has no weights: none of ${FOLDER_FILES.join(', ')} is in it. Give the folder that has them`,
  );
}

/** A shard that the index names must lie in the same folder: a name with a path in it could reach any file. */
async function readShards(folder: string, index: string): Promise<Weights> {
  const map = property((await readOptionalJson(index)) ?? {}, 'weight_map');
  if (!isJsonObject(map)) throw damaged(index, 'has no weight_map');
  const places = Object.entries(map);
  const files = [...new Set(places.map(([, file]) => file))].map((file) => {
    if (typeof file !== 'string' || basename(file) !== file || file === '..' || file === '.' || file.includes('\0')) {
      throw damaged(index, `names the shard ${quoted(String(file))}, which is not the name of a file in its folder`);
    }
    return join(folder, file);
  });
  const tensors = new Map<string, StoredTensor>();
  for (const file of files) {
    for (const [name, tensor] of (await readWeights(file)).tensors) {
      if (tensors.has(name)) throw damaged(index, `the tensor ${quoted(name)} is in two shards`);
      tensors.set(name, tensor);
    }
  }
  for (const [name, file] of places) {
    if (tensors.get(name)?.path === join(folder, file as string)) continue;
    throw damaged(index, `the tensor ${quoted(name)} is not in the shard ${quoted(String(file))}`);
  }
  return { files, tensors };
}

function readWeights(path: string): Promise<Weights> {
  return CheckpointFile.use(path, async (file) => {
    const layout = await torchLayout(file);
    if (layout !== undefined) {
      const torch = await readTorchFile(file, layout);
      return { files: [path], tensors: namedTensors(torch), root: torch.root };
    }
    if (await looksLikeSafetensors(file)) return { files: [path], tensors: await readSafetensors(file) };
    throw await unknownKind(file);
  });
}

async function unknownKind(file: CheckpointFile): Promise<Error> {
  const start = (await file.read(0, Math.min(file.size, 64), 'the start of the file')).toString('latin1');
  let kind = 'something else';
  let next = 'Download it again, or give the file that holds the weights';
  if (file.size === 0) kind = 'an empty file';
  else if (start.startsWith('version https://git-lfs')) {
    kind = 'a Git LFS pointer';
    next = 'Run "git lfs pull" to get the file';
  } else if (/^\s*<(!doctype|html)/i.test(start)) kind = 'an HTML page';
  const message = `${file.path} is neither a safetensors file nor a torch.save file, but ${kind}. ${next}`;
  return new VirnucproError('VNP_CHECKPOINT', message);
}

/** A JSON object; undefined when there is no such file. */
async function readOptionalJson(path: string): Promise<JsonObject | undefined> {
  if (!(await exists(path))) return undefined;
  if ((await stat(path)).size > MAX_JSON) throw damaged(path, `is larger than ${MAX_JSON} bytes`);
  let value: unknown;
  try {
    value = parseStrictJson(await readFile(path, 'utf8'));
  } catch (error) {
    throw damaged(path, `is ${(error as Error).message}`, { cause: error });
  }
  if (!isJsonObject(value)) throw damaged(path, 'is not a JSON object');
  return value;
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
