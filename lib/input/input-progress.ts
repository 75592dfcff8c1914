import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import zlib from 'node:zlib';
import { inputName, printablePath } from './text.js';

/** An input that was read to its end. */
export interface ReadInput {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of all its bytes as stored in the file, in hexadecimal. */
  readonly sha256: string;
}

/** Progress through all inputs, kept up to date by the reader. */
export class InputProgress {
  readonly #finished: ReadInput[] = [];
  readonly #warnings = new Set<string>();
  readonly #contents = new RepeatedContents();
  #bytesRead = 0;
  #contentBytes = 0;
  #bytesOfCurrent = 0;
  #hash: Hash = createHash('sha256');
  /** Bytes of all records' headers and letters so far: what the bytes of the inputs amounted to. */
  recordBytes = 0;

  /** Bytes of all inputs so far, as stored in their files, compressed or not. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** The same, decompressed. */
  get contentBytes(): number {
    return this.#contentBytes;
  }

  /** The inputs read to their end, in the order of reading. */
  get finished(): readonly ReadInput[] {
    return this.#finished;
  }

  /** Warnings about the inputs, a sentence each, in the order of reading. */
  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  /** Adds a warning, unless it was given before. */
  warn(text: string): void {
    this.#warnings.add(text);
  }

  /** For the reader: an input begins. */
  begin(): void {
    this.#bytesOfCurrent = 0;
    this.#contents.begin();
    this.#hash = createHash('sha256');
  }

  /** For the reader: a block of the current input. */
  add(block: Uint8Array): void {
    this.#hash.update(block);
    this.#bytesOfCurrent += block.length;
    this.#bytesRead += block.length;
  }

  /** For the reader: a block of the current input's decompressed content. */
  addContent(content: Uint8Array): void {
    this.#contents.add(content);
    this.#contentBytes += content.length;
  }

  /** For the reader: bytes that come from memory, and are not hashed. */
  addBytes(bytes: number): void {
    this.#bytesRead += bytes;
    this.#contentBytes += bytes;
  }

  /**
   * For the reader: the current input ends.
   * @param records number of records in it
   */
  end(path: string, records: number): void {
    const earlier = this.#contents.end(path);
    if (earlier !== undefined) this.warn(sameContentWarning(path, earlier));
    if (records === 0) this.warn(noRecordsWarning(path, this.#contents.bytes));
    this.#finished.push({ path, bytes: this.#bytesOfCurrent, sha256: this.#hash.digest('hex') });
  }
}

function noRecordsWarning(path: string, bytes: number): string {
  const why = bytes === 0 ? 'it is empty' : 'it contains only white space';
  return `no records in ${path === '-' ? inputName(path) : printablePath(path)}: ${why}`;
}

/** The warning about an input with the content of an earlier one. */
export function sameContentWarning(path: string, earlier: string): string {
  return path === earlier
    ? `${inputName(path)} is given more than once, so its records are read more than once`
    : `${inputName(path)} has the same content as ${inputName(earlier)}, so its records are read more than once`;
}

/** Finds inputs with the same content, compressed or not, by its length and CRC-32. */
class RepeatedContents {
  /** Paths by content. */
  readonly #earlier = new Map<string, string>();
  #bytes = 0;
  #checksum = 0;

  /** An input begins. */
  begin(): void {
    this.#bytes = 0;
    this.#checksum = 0;
  }

  /** A block of its content. */
  add(content: Uint8Array): void {
    this.#bytes += content.length;
    this.#checksum = zlib.crc32(content, this.#checksum);
  }

  /** Bytes of its content so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The input ends. @returns the first input with the same content, if there is one and content at all */
  end(path: string): string | undefined {
    if (this.#bytes === 0) return undefined;
    const content = `${this.#bytes} ${this.#checksum}`;
    const first = this.#earlier.get(content);
    if (first === undefined) this.#earlier.set(content, path);
    return first;
  }
}
