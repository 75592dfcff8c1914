import { expected } from '../errors.js';
import type { WindowResult } from '../scoring/results.js';
import { both, type BufferedFile, type Wait } from './buffered-file.js';
import type { ResultWriter } from './result-writer.js';

/** The embeddings of all scored frames, as rows of numbers. */
export class EmbeddingsWriter implements ResultWriter {
  readonly #file: BufferedFile;

  constructor(file: BufferedFile) {
    this.#file = file;
  }

  window(result: WindowResult): Wait {
    let wait: Wait;
    for (const { embedding, frame } of result.frames) {
      if (embedding === undefined) {
        const where = `frame ${frame} of window ${result.number} of ${result.contig}`;
        return Promise.reject(expected('VNP_ARGUMENT', 'an embedding', where, 'none'));
      }
      // It belongs to a batch whose memory may be used again.
      const { buffer, byteOffset, byteLength } = embedding.slice();
      wait = both(wait, this.#file.appendBytes(new Uint8Array(buffer, byteOffset, byteLength)));
    }
    return wait;
  }
}
