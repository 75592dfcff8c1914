import {
  callGlobal,
  findGlobal,
  hashable,
  loadPersistent,
  newRecord,
  setAttributes,
  wouldRunCode,
} from './pickle-globals.js';
import type { PickleMachine } from './pickle-machine.js';
import { kindOf, PickledTuple, type PickledValue } from './pickle-values.js';
import { quoted } from './tensor.js';

type Operation = (machine: PickleMachine) => void;
type Dict = Map<PickledValue, PickledValue>;

const isList = (value: PickledValue): value is PickledValue[] => Array.isArray(value);
const isDict = (value: PickledValue): value is Dict => value instanceof Map;
const isSet = (value: PickledValue): value is Set<PickledValue> => value instanceof Set;

/** Operations of protocol 2 to 5 by their code, as in Python's pickletools; STOP is the machine's own. */
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
  // Text and bytes; the first two are Python 2's.
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

/** @throws Error naming the operation when it is none of protocol 2 to 5 (those of protocol 0 are texts, and not read) */
export function findOperation(code: number): Operation {
  const operation = OPERATIONS.get(code);
  if (operation !== undefined) return operation;
  throw new Error(
    `the operation 0x${code.toString(16).padStart(2, '0')} is none of pickle protocol 2 to 5 that is read`,
  );
}

function refuse(what: string): never {
  throw wouldRunCode(what);
}

function protocol(machine: PickleMachine): void {
  const version = machine.unsigned(1);
  if (version < 2 || version > 5) throw new Error(`pickle protocol ${version} is not read`);
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
