import type { DataType } from '../../engine/addon.js';
import { VirnucproError } from '../../errors.js';

/** Every element type that a checkpoint may hold; only those of DataType can become parameters of an archive. */
export type StoredType =
  | DataType
  | 'float64'
  | 'float8_e4m3fn'
  | 'float8_e5m2'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool';

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<StoredType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
};

/** A tensor that lies in a file. Its bounds were checked against the size of the file. */
export interface StoredTensor {
  readonly path: string;
  /** Byte offset of element 0; not necessarily a multiple of the element's size. */
  readonly offset: number;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
}

/** Strides of a tensor whose last dimension is dense, in elements. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= Math.max(shape[axis]!, 1);
  }
  return strides;
}

/** Product of the dimensions; undefined when one of them is no size, or the product is no exact integer. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Text of a hostile or damaged file, made safe for a message: quoted, without control characters, cut at 80 letters. */
export function quoted(text: string): string {
  return escaped(JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text));
}

/** Text with its control characters, line ends and invisible marks as `\u` numbers: none of them reaches a terminal. */
export function escaped(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (letter) => `\\u{${letter.codePointAt(0)!.toString(16).padStart(4, '0')}}`,
  );
}

/** The error for a checkpoint that is damaged, or of a kind that is not read. */
export function damaged(path: string, message: string, options?: ErrorOptions): VirnucproError {
  return new VirnucproError('VNP_CHECKPOINT', `${path}: ${message}`, options);
}
