import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { RepeatedContents, sameContentWarning } from './repeated-contents.js';
import { inputName, printablePath } from './text.js';

/** An input that was read to its end. */
export interface ReadInput {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of all its bytes as they lie in the file, in hexadecimal. */
  readonly sha256: string;
}

/** How far the reading of all inputs has come; kept up to date by the reader, looked at by anyone. */
export class InputProgress {
  readonly #finished: ReadInput[] = [];
  readonly #warnings = new Set<string>();
  readonly #contents = new RepeatedContents();
  #bytesRead = 0;
  #bytesOfCurrent = 0;
  #hash: Hash = createHash('sha256');
  /** Bytes of the records' headers and letters so far, of all inputs: what the bytes of the inputs came to. */
  recordBytes = 0;

  /** Bytes of all inputs so far, as they lie in their files: compressed where they are. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** The inputs read to their end, in the order of reading. */
  get finished(): readonly ReadInput[] {
    return this.#finished;
  }

  /** What the user should know of the inputs, a sentence each, in the order of reading. */
  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  /** Something that the user should know, and that stops nothing; what was said before is not said again. */
  warn(text: string): void {
    this.#warnings.add(text);
  }

  /** For the reader: an input begins. */
  begin(): void {
    this.#bytesOfCurrent = 0;
    this.#contents.begin();
    this.#hash = createHash('sha256');
  }

  /** For the reader: a block of the input that was begun. */
  add(block: Uint8Array): void {
    this.#hash.update(block);
    this.#bytesOfCurrent += block.length;
    this.#bytesRead += block.length;
  }

  /** For the reader: a block of its content, which is what was packed. */
  addContent(content: Uint8Array): void {
    this.#contents.add(content);
  }

  /**
   * For the reader: the input that was begun is at its end.
   * @param records that were in it
   */
  end(path: string, records: number): void {
    const earlier = this.#contents.end(path);
    if (earlier !== undefined) this.warn(sameContentWarning(path, earlier));
    if (records === 0) this.warn(noRecordsWarning(path, this.#contents.bytes));
    this.#finished.push({ path, bytes: this.#bytesOfCurrent, sha256: this.#hash.digest('hex') });
  }
}

function noRecordsWarning(path: string, bytes: number): string {
  const why = bytes === 0 ? 'it is empty' : 'it holds white space only';
  return `no records in ${path === '-' ? inputName(path) : printablePath(path)}: ${why}`;
}
