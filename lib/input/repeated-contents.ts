import { stat } from 'node:fs/promises';
import zlib from 'node:zlib';
import type { InputFile } from './input-files.js';
import { inputName } from './text.js';

/** The warning of an input that holds what an earlier one holds. */
export function sameContentWarning(path: string, earlier: string): string {
  return path === earlier
    ? `${inputName(path)} is given more than once, so that its records come more than once`
    : `${inputName(path)} has the same content as ${inputName(earlier)}, so that its records come more than once`;
}

/**
 * Finds files that are the same one, by whatever paths: before they are read, and by what the system says of them.
 * @returns the warnings, in the order of the files
 */
export async function sameFileWarnings(files: readonly InputFile[]): Promise<string[]> {
  const earlier = new Map<string, string>();
  const warnings: string[] = [];
  for (const { path, size } of files) {
    if (size === undefined || size === 0) continue;
    // One that is gone by now is named when it is read.
    const status = await stat(path, { bigint: true }).catch(() => undefined);
    if (!status) continue;
    const file = `${status.dev} ${status.ino} ${size}`;
    const first = earlier.get(file);
    if (first === undefined) earlier.set(file, path);
    else warnings.push(sameContentWarning(path, first));
  }
  return warnings;
}

/** Finds inputs of the same content, packed or not, by its length and checksum. */
export class RepeatedContents {
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

  /** It is at its end. @returns the first input of the same content, if there is content */
  end(path: string): string | undefined {
    if (this.#bytes === 0) return undefined;
    const content = `${this.#bytes} ${this.#checksum}`;
    const first = this.#earlier.get(content);
    if (first === undefined) this.#earlier.set(content, path);
    return first;
  }
}
