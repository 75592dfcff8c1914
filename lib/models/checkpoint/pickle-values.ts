import type { StoredType } from './tensor.js';

/** An unpickled tuple; a list is an array, a dict (OrderedDict too) a Map, a set (frozenset too) a Set. */
export class PickledTuple {
  constructor(readonly items: readonly PickledValue[]) {}
}

/** A class or function that a pickle names: one of the few that the reader knows. It is a name, there is no code behind it. */
export class PickledGlobal {
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

/** The elements that tensors share. Where they lie is known only after the pickle was read. */
export class PickledStorage {
  /** Byte offset of element 0 in the file; negative until it is found. */
  position = -1;

  constructor(
    readonly key: string,
    readonly dtype: StoredType,
    readonly elements: number,
  ) {}
}

/** A strided view into a storage; its bounds in the storage were checked. */
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
 * file) contain themselves, so whoever walks them looks for named things and never walks everything.
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

/** The kind of a value in Python's words, for messages. Never looks inside. */
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
