import { damaged, quoted } from './checkpoint-file.js';
import {
  callGlobal,
  findGlobal,
  hashable,
  kindOf,
  loadPersistent,
  newRecord,
  type PickledStorage,
  PickledTuple,
  type PickledValue,
  setAttributes,
  wouldRunCode,
} from './pickle-values.js';

/** More than any model's checkpoint needs; keeps a hostile pickle of 100 MB from exhausting memory. */
const MAX_OPERATIONS = 2_000_000;
const STOP = 0x2e;

export interface PickleReading {
  /** The file's name, for messages. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Where the pickle begins in `bytes`. */
  readonly start: number;
  /** Collects the storages that the pickle names, by key. */
  readonly storages: Map<string, PickledStorage>;
}

/**
 * Interprets one pickle of protocol 2 to 5 as data. Runs no code, whatever the file asks for; pickle-values.ts lists
 * what may be built. The pickle's length bounds time and memory.
 *
 * @returns the value, and where the pickle ended
 * @throws VNP_CHECKPOINT naming the operation or global that is damaged or not allowed
 * @throws PickleEndsEarly when the bytes end first
 */
export function readPickle(reading: PickleReading): { value: PickledValue; end: number } {
  const machine = new PickleMachine(reading.bytes, reading.start, reading.storages);
  try {
    const value = run(machine);
    return { value, end: machine.position };
  } catch (error) {
    if (error instanceof PickleEndsEarly) throw error;
    throw damaged(reading.path, `its pickle cannot be read: at byte ${machine.position}, ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function run(machine: PickleMachine): PickledValue {
  for (let done = 0; done < MAX_OPERATIONS; done++) {
    const code = machine.unsigned(1);
    if (code === STOP) return machine.finish();
    findOperation(code)(machine);
  }
  throw new Error(`it has more than ${MAX_OPERATIONS} operations`);
}

type Operation = (machine: PickleMachine) => void;
type Dict = Map<PickledValue, PickledValue>;

const isList = (value: PickledValue): value is PickledValue[] => Array.isArray(value);
const isDict = (value: PickledValue): value is Dict => value instanceof Map;
const isSet = (value: PickledValue): value is Set<PickledValue> => value instanceof Set;

/** Operations of protocol 2 to 5 by code, as in Python's pickletools; `run` itself handles STOP. */
const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  // Frame and protocol.
  [0x80, protocol],
  [0x95, (machine) => void machine.unsigned(8)],
  // Stack and memo.
  [0x28, (machine) => machine.mark()],
  [0x30, (machine) => machine.discard()],
  [0x31, (machine) => void machine.popToMark()],
  [0x32, (machine) => machine.push(machine.peek())],
  [0x71, (machine) => machine.remember(machine.unsigned(1))],
  [0x72, (machine) => machine.remember(machine.unsigned(4))],
  [0x94, (machine) => machine.remember()],
  [0x68, (machine) => machine.push(machine.recall(machine.unsigned(1)))],
  [0x6a, (machine) => machine.push(machine.recall(machine.unsigned(4)))],
  // Constants and numbers.
  [0x4e, (machine) => machine.push(null)],
  [0x88, (machine) => machine.push(true)],
  [0x89, (machine) => machine.push(false)],
  [0x4b, (machine) => machine.push(machine.unsigned(1))],
  [0x4d, (machine) => machine.push(machine.unsigned(2))],
  [0x4a, (machine) => machine.push(machine.signed32())],
  [0x8a, (machine) => machine.push(machine.integer(machine.unsigned(1)))],
  [0x8b, (machine) => machine.push(machine.integer(machine.signed32()))],
  [0x47, (machine) => machine.push(machine.float64())],
  // Text and bytes; the first two are for strings of Python 2.
  [0x55, (machine) => machine.push(latin1(machine.take(machine.unsigned(1))))],
  [0x54, (machine) => machine.push(latin1(machine.take(machine.unsigned(4))))],
  [0x8c, (machine) => machine.push(machine.text(machine.unsigned(1)))],
  [0x58, (machine) => machine.push(machine.text(machine.unsigned(4)))],
  [0x8d, (machine) => machine.push(machine.text(machine.unsigned(8)))],
  [0x43, (machine) => machine.push(machine.take(machine.unsigned(1)))],
  [0x42, (machine) => machine.push(machine.take(machine.unsigned(4)))],
  [0x8e, (machine) => machine.push(machine.take(machine.unsigned(8)))],
  [0x96, (machine) => machine.push(machine.take(machine.unsigned(8)))],
  // Tuples, lists, dicts, sets.
  [0x29, (machine) => machine.push(new PickledTuple([]))],
  [0x85, (machine) => pushTuple(machine, 1)],
  [0x86, (machine) => pushTuple(machine, 2)],
  [0x87, (machine) => pushTuple(machine, 3)],
  [0x74, (machine) => machine.push(new PickledTuple(machine.popToMark()))],
  [0x5d, (machine) => machine.push([])],
  [0x6c, (machine) => machine.push(machine.popToMark())],
  [0x61, (machine) => append(machine, [machine.pop()])],
  [0x65, (machine) => append(machine, machine.popToMark())],
  [0x7d, (machine) => machine.push(new Map())],
  [0x64, (machine) => machine.push(setItems(new Map(), machine.popToMark()))],
  [0x73, setItem],
  [0x75, (machine) => setMarkedItems(machine)],
  [0x8f, (machine) => machine.push(new Set())],
  [0x90, (machine) => addItems(machine)],
  [0x91, (machine) => machine.push(new Set(machine.popToMark().map(hashable)))],
  // Objects: inert data, or refused.
  [0x63, (machine) => machine.push(findGlobal(machine.line(), machine.line()))],
  [0x93, stackGlobal],
  [0x52, reduce],
  [0x81, newObject],
  [0x62, build],
  [0x51, (machine) => machine.push(loadPersistent(machine.pop(), machine.storages))],
  [0x69, (machine) => refuse(`an instance of ${quoted(`${machine.line()}.${machine.line()}`)}`)],
  [0x6f, () => refuse('an instance made by OBJ')],
  [0x92, () => refuse('an object made by NEWOBJ_EX')],
  [0x82, () => refuse('a registered extension (EXT1)')],
  [0x83, () => refuse('a registered extension (EXT2)')],
  [0x84, () => refuse('a registered extension (EXT4)')],
]);

/**
 * @throws Error naming an operation that is not of protocol 2 to 5 (protocol 0 uses text arguments, which are not read)
 */
function findOperation(code: number): Operation {
  const operation = OPERATIONS.get(code);
  if (operation !== undefined) return operation;
  throw new Error(
    `the operation 0x${code.toString(16).padStart(2, '0')} is not one of the supported operations of pickle protocols 2 to 5`,
  );
}

function refuse(what: string): never {
  throw wouldRunCode(what);
}

function protocol(machine: PickleMachine): void {
  const version = machine.unsigned(1);
  if (version < 2 || version > 5) throw new Error(`pickle protocol ${version} is not supported`);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function pushTuple(machine: PickleMachine, length: number): void {
  const items: PickledValue[] = [];
  for (let index = 0; index < length; index++) items.unshift(machine.pop());
  machine.push(new PickledTuple(items));
}

function append(machine: PickleMachine, items: readonly PickledValue[]): void {
  const list = machine.target(isList, 'a list');
  for (const item of items) list.push(item);
}

function setItem(machine: PickleMachine): void {
  const value = machine.pop();
  const key = machine.pop();
  setItems(machine.target(isDict, 'a dict'), [key, value]);
}

function setMarkedItems(machine: PickleMachine): void {
  const items = machine.popToMark();
  setItems(machine.target(isDict, 'a dict'), items);
}

function setItems(dict: Dict, items: readonly PickledValue[]): Dict {
  if (items.length % 2 !== 0) throw new Error('a dict has a key without a value');
  for (let index = 0; index < items.length; index += 2) dict.set(hashable(items[index]!), items[index + 1]!);
  return dict;
}

function addItems(machine: PickleMachine): void {
  const items = machine.popToMark();
  const set = machine.target(isSet, 'a set');
  for (const item of items) set.add(hashable(item));
}

function stackGlobal(machine: PickleMachine): void {
  const name = machine.pop();
  const module = machine.pop();
  if (typeof module !== 'string' || typeof name !== 'string') throw new Error('a global has no name');
  machine.push(findGlobal(module, name));
}

function reduce(machine: PickleMachine): void {
  const values = machine.pop();
  const callable = machine.pop();
  if (!(values instanceof PickledTuple)) throw new Error(`the arguments of a call are ${kindOf(values)}`);
  machine.push(callGlobal(callable, values.items));
}

function newObject(machine: PickleMachine): void {
  const values = machine.pop();
  machine.push(newRecord(machine.pop(), values));
}

function build(machine: PickleMachine): void {
  const attributes = machine.pop();
  setAttributes(machine.peek(), attributes);
}

const MAX_INTEGER = 64;

/** The pickle does not end within the bytes read so far: it is truncated, or more bytes are needed. */
export class PickleEndsEarly extends Error {}

/** The stack, the memo and the cursor of the operations. Checks every access. */
class PickleMachine {
  private readonly stack: PickledValue[] = [];
  /** Stack heights at the marks; nothing below the last one can be popped. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickledValue>();
  private readonly view: DataView;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(
    private readonly bytes: Uint8Array,
    /** The next byte. */
    public position: number,
    readonly storages: Map<string, PickledStorage>,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The value that STOP leaves. */
  finish(): PickledValue {
    const value = this.pop();
    if (this.stack.length > 0) throw new Error('it stops with values left over');
    return value;
  }

  take(length: number): Uint8Array {
    if (!(length <= this.bytes.length - this.position)) {
      throw new PickleEndsEarly(
        `${length} bytes are needed at ${this.position}, but there are only ${this.bytes.length}`,
      );
    }
    const start = this.position;
    this.position += length;
    return this.bytes.subarray(start, this.position);
  }

  unsigned(size: 1 | 2 | 4 | 8): number {
    const at = this.position;
    this.take(size);
    if (size === 1) return this.view.getUint8(at);
    if (size === 2) return this.view.getUint16(at, true);
    if (size === 4) return this.view.getUint32(at, true);
    const value = this.view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`a length of ${value} bytes is impossible`);
    return Number(value);
  }

  signed32(): number {
    const at = this.position;
    this.take(4);
    return this.view.getInt32(at, true);
  }

  float64(): number {
    const at = this.position;
    this.take(8);
    return this.view.getFloat64(at, false);
  }

  /** A two's complement integer of any length up to 64 bytes. */
  integer(length: number): number | bigint {
    if (length < 0 || length > MAX_INTEGER) throw new Error(`an integer of ${length} bytes is impossible`);
    let value = 0n;
    for (const [index, byte] of this.take(length).entries()) value |= BigInt(byte) << BigInt(8 * index);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    const bytes = this.take(length);
    try {
      return this.decoder.decode(bytes);
    } catch {
      throw new Error('a string is not valid UTF-8');
    }
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleEndsEarly('a line does not end');
    const line = this.text(end - this.position);
    this.take(1);
    return line;
  }

  push(value: PickledValue): void {
    this.stack.push(value);
  }

  pop(): PickledValue {
    const value = this.peek();
    this.stack.pop();
    return value;
  }

  peek(): PickledValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new Error('the stack is empty');
    return this.stack.at(-1)!;
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  popToMark(): PickledValue[] {
    const height = this.marks.pop();
    if (height === undefined) throw new Error('there is no mark');
    return this.stack.splice(height);
  }

  /** POP removes the mark if there is nothing above it. */
  discard(): void {
    if (this.marks.length > 0 && this.stack.length === this.marks.at(-1)) this.marks.pop();
    else this.pop();
  }

  remember(index = this.memo.size): void {
    this.memo.set(index, this.peek());
  }

  recall(index: number): PickledValue {
    const value = this.memo.get(index);
    if (value === undefined) throw new Error(`the memo has no value ${index}`);
    return value;
  }

  /**
   * The container that APPENDS, SETITEMS, … apply to, once their arguments are popped. Throws if it is of another kind.
   */
  target<T extends PickledValue>(isRight: (value: PickledValue) => value is T, what: string): T {
    const value = this.peek();
    if (!isRight(value)) throw new Error(`${what} is needed, but there is ${kindOf(value)}`);
    return value;
  }
}
