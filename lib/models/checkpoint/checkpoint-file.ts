import { type FileHandle, open, stat } from 'node:fs/promises';
import { VirnucproError } from '../../errors.js';
import type { DataType } from '../../engine/addon.js';

/** A file that is read in parts, so that a checkpoint of 12 GB is never in memory as a whole. */
export class CheckpointFile {
  private constructor(
    readonly path: string,
    /** Bytes. */
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** Opens the file, passes it to `use`, and closes it even if `use` throws. */
  static async use<T>(path: string, use: (file: CheckpointFile) => Promise<T>): Promise<T> {
    // Check first: opening a pipe would wait forever.
    if (!(await regular(path))) {
      const message = `${path} is not a regular file. Give the file or folder that holds the weights`;
      throw new VirnucproError('VNP_CHECKPOINT', message);
    }
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw unreadable(path, error);
    });
    try {
      return await use(new CheckpointFile(path, (await handle.stat()).size, handle));
    } finally {
      await handle.close();
    }
  }

  /** Bytes [offset, offset + length). Throws VNP_CHECKPOINT when they are not all in the file. */
  async read(offset: number, length: number, what: string): Promise<Buffer> {
    if (!this.contains(offset, length)) {
      throw damaged(
        this.path,
        `truncated or corrupt: ${what} should take ${length} bytes at ${offset}, but the file has ${this.size}. Download it again`,
      );
    }
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw damaged(this.path, `became shorter while ${what} was read`);
      done += bytesRead;
    }
    return bytes;
  }

  contains(offset: number, length: number): boolean {
    return (
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(length) &&
      offset >= 0 &&
      length >= 0 &&
      offset <= this.size &&
      length <= this.size - offset
    );
  }
}

async function regular(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Error {
  const message = `The file ${path} cannot be read: ${(error as Error).message}. Check its path and permissions`;
  return new VirnucproError('VNP_CHECKPOINT', message);
}

/** The element types that a checkpoint may contain; only those of DataType can become parameters of an archive. */
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

/** A tensor in a file. Its bounds have been checked against the file's size. */
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

/** Product of the dimensions; undefined if one of them is not a valid size, or the product is not an exact integer. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/**
 * Makes text of a hostile or damaged file safe for a message: quoted, without control characters, cut at 80 letters.
 */
export function quoted(text: string): string {
  return escaped(JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text));
}

/**
 * Replaces control characters, line ends and invisible marks by `\u` numbers, so that none of them reaches a terminal.
 */
export function escaped(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (letter) => `\\u{${letter.codePointAt(0)!.toString(16).padStart(4, '0')}}`,
  );
}

/** The error for a checkpoint that is damaged or of an unsupported kind. */
export function damaged(path: string, message: string, options?: ErrorOptions): VirnucproError {
  return new VirnucproError('VNP_CHECKPOINT', `${path}: ${message}`, options);
}
