import type { ContigResult } from '../scoring/results.js';
import { both, type BufferedFile, type Wait } from './buffered-file.js';
import { WRAPPED_BLOCK_LETTERS, wrapped } from './fasta.js';
import type { ResultWriter } from './result-writer.js';

/** What is written of a record. */
type VirusRecord = Pick<ContigResult, 'verdict' | 'header' | 'sequence'>;

/** Writes the records called virus as FASTA, a block of letters at a time, however long they are. */
export class VirusSequencesWriter implements ResultWriter {
  readonly #file: BufferedFile;

  constructor(file: BufferedFile) {
    this.#file = file;
  }

  contig(result: VirusRecord): Wait {
    if (result.verdict !== 'virus') return undefined;
    const { sequence } = result;
    const room = this.#file.append(`>${result.header}\n`);
    if (sequence.length > WRAPPED_BLOCK_LETTERS) return this.#appendBlocks(result, room);
    return both(room, this.#file.appendBytes(wrapped(sequence.read(0, sequence.length))));
  }

  async #appendBlocks({ sequence }: VirusRecord, room: Wait): Promise<void> {
    await room;
    for (let start = 0; start < sequence.length; start += WRAPPED_BLOCK_LETTERS) {
      const end = Math.min(start + WRAPPED_BLOCK_LETTERS, sequence.length);
      await this.#file.appendBytes(wrapped(sequence.read(start, end)));
    }
  }
}
