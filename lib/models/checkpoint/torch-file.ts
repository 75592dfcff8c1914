import type { CheckpointFile } from './checkpoint-file.js';
import { PickledRecord, type PickledStorage, PickledTensor, type PickledValue } from './pickle-values.js';
import { PickleEndsEarly, readPickle } from './pickle.js';
import { damaged, ELEMENT_BYTES, quoted, type StoredTensor } from './checkpoint-file.js';
import { ZipFile } from './zip.js';

const MAX_PICKLE = 100_000_000;
const FIRST_READ = 1_000_000;
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;
/** PROTO 2, LONG1 of 10 bytes, and the first bytes of the magic number. */
const LEGACY_START = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46];

/** A file of torch.save: the saved object, with every storage located in the file. */
export interface TorchFile {
  readonly root: PickledValue;
  /** Locates a tensor of `root` in the file. */
  readonly locate: (tensor: PickledTensor) => StoredTensor;
}

export type TorchLayout = 'zip' | 'legacy';

/** Detects which of the two formats of torch.save the file begins like; undefined for neither. */
export async function torchLayout(file: CheckpointFile): Promise<TorchLayout | undefined> {
  if (file.size < LEGACY_START.length) return undefined;
  const start = await file.read(0, LEGACY_START.length, 'the start of the file');
  if (start.readUInt32LE(0) === 0x04034b50) return 'zip';
  return LEGACY_START.every((byte, index) => start[index] === byte) ? 'legacy' : undefined;
}

/**
 * Reads a file of torch.save without running anything in it or reading the tensors' values.
 *
 * @throws VNP_CHECKPOINT when it is truncated, corrupt, or holds more than tensors and plain containers
 */
export async function readTorchFile(file: CheckpointFile, layout: TorchLayout): Promise<TorchFile> {
  const root = layout === 'zip' ? await readZipLayout(file) : await readLegacyLayout(file);
  return { root, locate: (tensor) => locate(file.path, tensor) };
}

function locate(path: string, { storage, offset, shape, strides }: PickledTensor): StoredTensor {
  const { dtype, position } = storage;
  if (position < 0) throw damaged(path, `the storage ${quoted(storage.key)} has no data`);
  return { path, offset: position + offset * ELEMENT_BYTES[dtype], dtype, shape, strides };
}

async function readZipLayout(file: CheckpointFile): Promise<PickledValue> {
  const zip = await ZipFile.open(file);
  const pickles = [...zip.entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1)
    throw damaged(file.path, 'is a zip file, but not one that torch.save wrote');
  const folder = pickle.slice(0, -'data.pkl'.length);
  if (zip.entries.has(`${folder}constants.pkl`)) {
    throw damaged(file.path, 'is a TorchScript archive. Give the checkpoint that it was made from');
  }
  if (zip.entries.has(`${folder}byteorder`)) {
    const order = (await zip.read(`${folder}byteorder`, 16)).toString('latin1');
    if (order !== 'little') throw damaged(file.path, `has the byte order ${quoted(order)}; only little is supported`);
  }
  const storages = new Map<string, PickledStorage>();
  const bytes = await zip.read(pickle, MAX_PICKLE);
  const root = readWhole(file.path, bytes, storages);
  for (const storage of storages.values()) {
    const { offset, size } = await zip.locate(`${folder}data/${storage.key}`);
    const needed = storage.elements * ELEMENT_BYTES[storage.dtype];
    if (size !== needed) {
      throw damaged(file.path, `the storage ${quoted(storage.key)} should take ${needed} bytes, but has ${size}`);
    }
    storage.position = offset;
  }
  return root;
}

function readWhole(path: string, bytes: Uint8Array, storages: Map<string, PickledStorage>): PickledValue {
  try {
    return readPickle({ path, bytes, start: 0, storages }).value;
  } catch (error) {
    throw error instanceof PickleEndsEarly ? endsEarly(path, error) : error;
  }
}

/** Five pickles (magic number, version, machine, object, keys of the storages), then each storage with its count. */
async function readLegacyLayout(file: CheckpointFile): Promise<PickledValue> {
  const storages = new Map<string, PickledStorage>();
  const pickles = await readPickles(file, 5, storages);
  const [magic, version, machine, root, keys] = pickles.values;
  if (magic !== LEGACY_MAGIC || version !== LEGACY_VERSION)
    throw damaged(file.path, 'has no valid magic number or version');
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) {
    throw damaged(file.path, 'was written on a machine that is not little-endian');
  }
  if (!Array.isArray(keys)) throw damaged(file.path, 'has no list of storages');
  let position = pickles.end;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined || storage.position >= 0) throw damaged(file.path, 'its list of storages is corrupt');
    const count = (await file.read(position, 8, `the storage ${quoted(storage.key)}`)).readBigInt64LE(0);
    const bytes = storage.elements * ELEMENT_BYTES[storage.dtype];
    if (count !== BigInt(storage.elements)) {
      throw damaged(file.path, `the storage ${quoted(storage.key)} has ${count} elements, not ${storage.elements}`);
    }
    if (!file.contains(position + 8, bytes)) {
      throw damaged(
        file.path,
        `truncated: the storage ${quoted(storage.key)} reaches beyond its end. Download it again`,
      );
    }
    storage.position = position + 8;
    position += 8 + bytes;
  }
  return root!;
}

/** Reads consecutive pickles. They do not state their length, so more of the file is read until they end. */
async function readPickles(
  file: CheckpointFile,
  count: number,
  storages: Map<string, PickledStorage>,
): Promise<{ values: PickledValue[]; end: number }> {
  for (let length = FIRST_READ; ; length *= 8) {
    const available = Math.min(length, file.size, MAX_PICKLE);
    const bytes = await file.read(0, available, 'the pickles');
    try {
      storages.clear();
      const values: PickledValue[] = [];
      let end = 0;
      while (values.length < count) {
        const pickle = readPickle({ path: file.path, bytes, start: end, storages });
        values.push(pickle.value);
        end = pickle.end;
      }
      return { values, end };
    } catch (error) {
      if (!(error instanceof PickleEndsEarly)) throw error;
      if (available === Math.min(file.size, MAX_PICKLE)) throw endsEarly(file.path, error);
    }
  }
}

function endsEarly(path: string, error: PickleEndsEarly): Error {
  return damaged(path, `truncated or corrupt: its pickle does not end (${error.message}). Download it again`, {
    cause: error,
  });
}

/** Longer than any parameter's name; a chain of a million modules would exceed it. */
const MAX_PREFIX = 1000;

/** Keys under which training programs save the state dict beside other things. */
const WRAPPERS = ['model', 'state_dict', 'model_state_dict'];

/**
 * The tensors of a torch file by their names in the state dict, whether the file holds a state dict, a dict with one
 * under `model`, `state_dict` or `model_state_dict`, or a whole module.
 */
export function namedTensors({ root, locate }: TorchFile): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  const entries = root instanceof PickledRecord ? moduleEntries(root) : textEntries(stateDict(root));
  for (const [name, value] of entries) if (value instanceof PickledTensor) tensors.set(name, locate(value));
  return tensors;
}

function stateDict(root: PickledValue): PickledValue | undefined {
  if (!(root instanceof Map)) return undefined;
  for (const key of WRAPPERS) {
    const inner = root.get(key);
    if (inner instanceof Map) return inner;
  }
  return root;
}

function* moduleEntries(root: PickledRecord): Generator<[string, PickledValue]> {
  const waiting: [string, PickledRecord][] = [['', root]];
  // A hostile module may contain itself, or the same child many times at many levels: visit each once.
  const seen = new Set<PickledRecord>([root]);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [prefix, module] = next;
    for (const kind of ['_parameters', '_buffers']) {
      for (const [name, value] of textEntries(module.attributes.get(kind))) yield [prefix + name, value];
    }
    for (const [name, child] of textEntries(module.attributes.get('_modules'))) {
      if (!(child instanceof PickledRecord) || seen.has(child)) continue;
      if (prefix.length > MAX_PREFIX) continue;
      seen.add(child);
      waiting.push([`${prefix}${name}.`, child]);
    }
  }
}

function textEntries(value: PickledValue | undefined): [string, PickledValue][] {
  if (!(value instanceof Map)) return [];
  return [...value].filter((entry): entry is [string, PickledValue] => typeof entry[0] === 'string');
}
