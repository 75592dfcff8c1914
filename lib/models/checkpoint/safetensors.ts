import { isJsonObject, type JsonObject, parseStrictJson, property } from '../json.js';
import type { CheckpointFile } from './checkpoint-file.js';
import {
  damaged,
  denseStrides,
  ELEMENT_BYTES,
  elementCount,
  quoted,
  type StoredTensor,
  type StoredType,
} from './checkpoint-file.js';

/** The limit that the format's own readers set. */
const MAX_HEADER = 100_000_000;

const TYPES: ReadonlyMap<string, StoredType> = new Map([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['F8_E4M3', 'float8_e4m3fn'],
  ['F8_E5M2', 'float8_e5m2'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);

interface Range {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** Whether the file begins like a safetensors file: an 8-byte length that fits in it, then a JSON object. */
export async function looksLikeSafetensors(file: CheckpointFile): Promise<boolean> {
  if (file.size < 10) return false;
  const start = await file.read(0, 9, 'the start of the file');
  return start.readBigUInt64LE(0) <= BigInt(file.size) && start[8] === 0x7b;
}

/**
 * Reads the header of a safetensors file: the tensors by name. Checks all rules of the format: the ranges are in
 * bounds, have the length that their shapes require, and fill the file up to its end without gap or overlap.
 *
 * @throws VNP_CHECKPOINT naming the tensor and the rule
 */
export async function readSafetensors(file: CheckpointFile): Promise<Map<string, StoredTensor>> {
  const length = Number((await file.read(0, 8, 'the length of the header')).readBigUInt64LE(0));
  if (length > MAX_HEADER) {
    throw damaged(file.path, `the safetensors header claims ${length} bytes; the format allows ${MAX_HEADER}`);
  }
  const header = parseHeader(file.path, await file.read(8, length, 'the safetensors header'));
  const dataStart = 8 + length;
  const tensors = new Map<string, StoredTensor>();
  const ranges: Range[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (!isJsonObject(entry)) throw damaged(file.path, `the safetensors entry ${quoted(name)} is not an object`);
    const range = readRange(file, name, entry, dataStart);
    ranges.push(range);
    tensors.set(name, readTensor(file.path, entry, range, dataStart));
  }
  checkLayout(file, ranges, dataStart);
  return tensors;
}

function parseHeader(path: string, bytes: Uint8Array): JsonObject {
  let header: unknown;
  try {
    header = parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw damaged(path, `the safetensors header is ${(error as Error).message}`, { cause: error });
  }
  if (!isJsonObject(header)) throw damaged(path, 'the safetensors header is not a JSON object');
  return header;
}

function readRange(file: CheckpointFile, name: string, entry: JsonObject, dataStart: number): Range {
  const offsets = property(entry, 'data_offsets');
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw damaged(file.path, `the safetensors entry ${quoted(name)} has no valid data_offsets`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || !file.contains(dataStart + begin, end - begin)) {
    throw damaged(
      file.path,
      `truncated or corrupt: the tensor ${quoted(name)} lies at bytes ${begin} to ${end} of the data, ` +
        `but the file has ${file.size - dataStart} bytes of data. Download it again`,
    );
  }
  return { name, begin, end };
}

function readTensor(path: string, entry: JsonObject, range: Range, dataStart: number): StoredTensor {
  const name = quoted(range.name);
  const typeName = property(entry, 'dtype');
  const dtype = typeof typeName === 'string' ? TYPES.get(typeName) : undefined;
  if (dtype === undefined) throw damaged(path, `the tensor ${name} has the unknown dtype ${quoted(String(typeName))}`);
  const shape = property(entry, 'shape');
  const elements = isSizes(shape) ? elementCount(shape) : undefined;
  if (elements === undefined) throw damaged(path, `the tensor ${name} has no valid shape`);
  const bytes = range.end - range.begin;
  if (elements * ELEMENT_BYTES[dtype] !== bytes) {
    throw damaged(path, `the tensor ${name} has ${elements} elements of ${dtype}, but ${bytes} bytes`);
  }
  const sizes = shape as number[];
  return { path, offset: dataStart + range.begin, dtype, shape: sizes, strides: denseStrides(sizes) };
}

function checkLayout(file: CheckpointFile, ranges: Range[], dataStart: number): void {
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const range of ranges) {
    if (range.begin !== end) {
      const fault = range.begin < end ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw damaged(file.path, `the tensor ${quoted(range.name)} ${fault}`);
    }
    end = range.end;
  }
  if (dataStart + end !== file.size) {
    throw damaged(file.path, `the tensors end at byte ${dataStart + end}, but the file has ${file.size} bytes`);
  }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
