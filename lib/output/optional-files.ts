import { expected } from '../errors.js';
import type { VirnucproError } from '../errors.js';
import type { WindowResult } from '../scoring/results.js';
import { windowId } from '../windows/windows.js';
import { both, type BufferedFile, type Wait } from './buffered-file.js';
import type { ResultWriter } from './buffered-file.js';
import { unwrapped, wrapped } from './fasta.js';

/** The classic tool's intermediate files: windows, and the bases and amino acids of their open reading frames. */
export class IntermediateFilesWriter implements ResultWriter {
  readonly #chunked: BufferedFile;
  readonly #nucleotide: BufferedFile;
  readonly #protein: BufferedFile;

  constructor(files: { chunked: BufferedFile; nucleotide: BufferedFile; protein: BufferedFile }) {
    this.#chunked = files.chunked;
    this.#nucleotide = files.nucleotide;
    this.#protein = files.protein;
  }

  window(result: WindowResult): Wait {
    const id = windowId(result.contig, result.number);
    if (result.sequences === undefined) {
      return Promise.reject(expected('VNP_ARGUMENT', 'sequences', `the intermediate files at ${id}`, 'none'));
    }
    let wait = appendRecord(this.#chunked, id, wrapped(result.sequences.letters));
    for (const { name, nucleotide, protein } of result.sequences.orfs) {
      wait = both(wait, appendRecord(this.#nucleotide, id + name, unwrapped(nucleotide)));
      wait = both(wait, appendRecord(this.#protein, id + name, unwrapped(protein)));
    }
    return wait;
  }
}

function appendRecord(file: BufferedFile, id: string, lines: Uint8Array): Wait {
  return both(file.append(`>${id}\n`), file.appendBytes(lines));
}

/** The embedding of one of a window's frames, or the error for one without. */
export function embeddingOf({ frames, number, contig }: WindowResult, index: number): Float32Array | VirnucproError {
  const { embedding, frame } = frames[index]!;
  const where = `frame ${frame} of window ${number} of ${contig}`;
  return embedding ?? expected('VNP_ARGUMENT', 'an embedding', where, 'none');
}

/** The embeddings of all scored frames, as rows of numbers. */
export class EmbeddingsWriter implements ResultWriter {
  readonly #file: BufferedFile;

  constructor(file: BufferedFile) {
    this.#file = file;
  }

  window(result: WindowResult): Wait {
    let wait: Wait;
    for (const index of result.frames.keys()) {
      const embedding = embeddingOf(result, index);
      if (embedding instanceof Error) return Promise.reject(embedding);
      // Copied: it belongs to a batch whose memory may be reused.
      const { buffer, byteOffset, byteLength } = embedding.slice();
      wait = both(wait, this.#file.appendBytes(new Uint8Array(buffer, byteOffset, byteLength)));
    }
    return wait;
  }
}
