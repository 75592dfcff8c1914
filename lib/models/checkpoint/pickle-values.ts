import { elementCount, quoted, type StoredType } from './checkpoint-file.js';

/** An unpickled tuple. A list becomes an array, a dict or OrderedDict a Map, a set or frozenset a Set. */
export class PickledTuple {
  constructor(readonly items: readonly PickledValue[]) {}
}

/**
 * A class or function that a pickle names, one of the few that the reader knows. Only a name: there is no code behind
 * it.
 */
class PickledGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object of an allowed class, as inert data: its class's name and its attributes. */
export class PickledRecord {
  readonly attributes = new Map<string, PickledValue>();

  constructor(readonly type: PickledGlobal) {}
}

/** The elements that tensors share. Their place is known only after the pickle has been read. */
export class PickledStorage {
  /** Byte offset of element 0 in the file; negative until it is found. */
  position = -1;

  constructor(
    readonly key: string,
    readonly dtype: StoredType,
    readonly elements: number,
  ) {}
}

/** A strided view into a storage, with its bounds already checked. */
export class PickledTensor {
  constructor(
    readonly storage: PickledStorage,
    /** In elements. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/**
 * Everything that a pickle can become here: plain data. Values may be shared, nested to any depth, and (in a hostile
 * file) contain themselves, so code that reads them looks up named things and never walks everything.
 */
export type PickledValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickledValue[]
  | PickledTuple
  | Map<PickledValue, PickledValue>
  | Set<PickledValue>
  | PickledGlobal
  | PickledRecord
  | PickledStorage
  | PickledTensor;

/** Describes the kind of a value in Python's terms, for messages. Never looks inside. */
export function kindOf(value: PickledValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'boolean') return 'a bool';
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number';
  if (typeof value === 'string') return 'a str';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof PickledTuple) return 'a tuple';
  if (value instanceof Map) return 'a dict';
  if (value instanceof Set) return 'a set';
  if (value instanceof PickledGlobal) return `the class ${value.path}`;
  if (value instanceof PickledRecord) return `an object of ${value.type.path}`;
  return value instanceof PickledStorage ? 'a storage' : 'a tensor';
}

const STORAGE_TYPES: ReadonlyMap<string, StoredType> = new Map([
  ['DoubleStorage', 'float64'],
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
]);

type Builder = (values: readonly PickledValue[]) => PickledValue;

/** The functions that a pickle may call, by path: each builds a plain container or a tensor. */
const FUNCTIONS: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ['torch._utils._rebuild_tensor', buildTensor],
  ['torch._utils._rebuild_tensor_v2', buildTensor],
  ['torch._utils._rebuild_parameter', buildParameter],
  ['collections.OrderedDict', buildDict],
  ['builtins.set', buildSet],
  ['__builtin__.set', buildSet],
  ['builtins.frozenset', buildSet],
  ['__builtin__.frozenset', buildSet],
]);

const RECORDS: ReadonlySet<string> = new Set(['argparse.Namespace', '__main__.MLPClassifier']);
// Lengths are bounded because messages contain these names.
const TORCH_MODULE = /^torch\.nn\.modules\.[a-z_]{1,80}$/;
const CLASS_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,79}$/;

function isRecord(module: string, name: string): boolean {
  return RECORDS.has(`${module}.${name}`) || (TORCH_MODULE.test(module) && CLASS_NAME.test(name));
}

/** The named class or function, if it is one of those that only hold data; throws an Error naming it otherwise. */
export function findGlobal(module: string, name: string): PickledGlobal {
  const known =
    FUNCTIONS.has(`${module}.${name}`) || isRecord(module, name) || (module === 'torch' && STORAGE_TYPES.has(name));
  if (!known) throw wouldRunCode(quoted(`${module}.${name}`));
  return new PickledGlobal(module, name);
}

/** The error for everything that is not plain data. */
export function wouldRunCode(what: string): Error {
  return new Error(`${what} would run code; this reader builds only tensors and plain containers`);
}

/** The result of REDUCE: `callable(*values)`, for the few known functions. */
export function callGlobal(callable: PickledValue, values: readonly PickledValue[]): PickledValue {
  const build = callable instanceof PickledGlobal ? FUNCTIONS.get(callable.path) : undefined;
  if (build === undefined) throw wouldRunCode(`a call of ${kindOf(callable)}`);
  return build(values);
}

/** The result of NEWOBJ: an inert record of an allowed class. */
export function newRecord(type: PickledValue, values: PickledValue): PickledValue {
  if (!(type instanceof PickledGlobal)) throw wouldRunCode(`an object of ${kindOf(type)}`);
  if (!(values instanceof PickledTuple) || values.items.length > 0) throw wouldRunCode(`${type.path} with arguments`);
  if (type.path === 'collections.OrderedDict') return new Map();
  if (!isRecord(type.module, type.name)) throw wouldRunCode(`an object of ${type.path}`);
  return new PickledRecord(type);
}

/** BUILD: sets the attributes of a record. Ignores those of an OrderedDict (`_metadata` of a state dict). */
export function setAttributes(target: PickledValue | undefined, attributes: PickledValue): void {
  if (!(attributes instanceof Map)) throw wouldRunCode(`a state of ${kindOf(attributes)}`);
  if (target instanceof Map) return;
  if (!(target instanceof PickledRecord)) throw wouldRunCode(`a state for ${kindOf(target)}`);
  for (const [name, value] of attributes) {
    if (typeof name !== 'string') throw new Error(`an attribute's name is ${kindOf(name)}`);
    target.attributes.set(name, value);
  }
}

/**
 * Resolves a persistent id: a storage, `('storage', type, key, device, elements)`, or in the older format a class with
 * its source, `('module', class, file, source)`, of which only the class is used.
 */
export function loadPersistent(id: PickledValue, storages: Map<string, PickledStorage>): PickledValue {
  const items = id instanceof PickledTuple ? id.items : [];
  if (items[0] === 'module' && items[1] instanceof PickledGlobal) return items[1];
  const [tag, type, key, , elements, view] = items;
  const dtype = type instanceof PickledGlobal && type.module === 'torch' ? STORAGE_TYPES.get(type.name) : undefined;
  if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || !isSize(elements)) {
    throw new Error('a persistent id does not describe a storage');
  }
  if (view !== undefined && view !== null) throw new Error('views of storages (torch before 0.4) are not supported');
  const known = storages.get(key);
  if (known === undefined) {
    const storage = new PickledStorage(key, dtype, elements);
    storages.set(key, storage);
    return storage;
  }
  if (known.dtype !== dtype || known.elements !== elements) {
    throw new Error(`the storage ${quoted(key)} is described in two ways`);
  }
  return known;
}

function buildTensor(values: readonly PickledValue[]): PickledTensor {
  const [storage, offset, shape, strides] = values;
  if (!(storage instanceof PickledStorage)) throw new Error(`a tensor's storage is ${kindOf(storage)}`);
  const sizes = sizesOf(shape, 'shape');
  const steps = sizesOf(strides, 'strides');
  if (!isSize(offset) || sizes.length !== steps.length)
    throw new Error('a tensor has no valid offset, shape and strides');
  if (elementCount(sizes) === undefined) throw new Error('a tensor has an impossible shape');
  if (elementCount(sizes) !== 0) {
    const last = sizes.reduce((sum, size, axis) => sum + (size - 1) * steps[axis]!, offset);
    if (!(last < storage.elements)) {
      throw new Error(
        `a tensor reaches element ${last} of the storage ${quoted(storage.key)}, which has ${storage.elements}`,
      );
    }
  }
  return new PickledTensor(storage, offset, sizes, steps);
}

function buildParameter(values: readonly PickledValue[]): PickledTensor {
  const [tensor] = values;
  if (!(tensor instanceof PickledTensor)) throw new Error(`a parameter is ${kindOf(tensor)}`);
  return tensor;
}

function buildDict(values: readonly PickledValue[]): Map<PickledValue, PickledValue> {
  const dict = new Map<PickledValue, PickledValue>();
  if (values.length === 0) return dict;
  if (values.length > 1 || !Array.isArray(values[0]))
    throw new Error('an OrderedDict is not built from a list of pairs');
  for (const pair of values[0]) {
    const items = pair instanceof PickledTuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (items.length !== 2) throw new Error('an OrderedDict is not built from a list of pairs');
    dict.set(hashable(items[0]!), items[1]!);
  }
  return dict;
}

function buildSet(values: readonly PickledValue[]): Set<PickledValue> {
  const items = values.length === 0 ? [] : values[0];
  if (values.length > 1 || !Array.isArray(items)) throw new Error('a set is not built from a list');
  const set = new Set<PickledValue>();
  for (const item of items) set.add(hashable(item));
  return set;
}

/** Returns the value if Python could use it as a key; throws otherwise. */
export function hashable(value: PickledValue): PickledValue {
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
    throw new Error(`${kindOf(value)} is used as a key`);
  }
  return value;
}

function sizesOf(value: PickledValue | undefined, what: string): number[] {
  if (!(value instanceof PickledTuple) || value.items.length > 64 || !value.items.every(isSize)) {
    throw new Error(`a tensor's ${what} is not a tuple of sizes`);
  }
  return [...value.items] as number[];
}

function isSize(value: PickledValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
