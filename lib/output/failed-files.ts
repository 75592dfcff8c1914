import type { BufferedFile, Wait } from './buffered-file.js';
import { escapeControls } from './cell.js';

/** Something that could not be computed. */
export interface Failure {
  /** The input, and what of it failed. */
  readonly path: string;
  readonly stage: 'DNABERT-S' | 'ESM-2' | 'classifier' | 'batch' | 'input';
  readonly message: string;
}

export class FailedFilesWriter {
  readonly #file: BufferedFile;
  #failures = 0;

  constructor(file: BufferedFile) {
    this.#file = file;
  }

  get failures(): number {
    return this.#failures;
  }

  failure({ path, stage, message }: Failure): Wait {
    this.#failures++;
    return this.#file.append(`${escapeControls(path)}|${stage}|${escapeControls(message)}\n`);
  }
}
