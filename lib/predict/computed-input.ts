import type { InputProgress } from '../input/input-progress.js';
import type { SequenceRecord } from '../input/record.js';

/**
 * How much of the inputs is computed, measured by the frames that are done: results are yielded in order, and so later
 * and in bursts. Letters without a frame count as done as soon as they are entered; of the other letters, the same
 * fraction counts as of their frames.
 */
export class ComputedInput {
  #letters = 0;
  #lettersWithoutFrame = 0;
  #frames = 0;
  /** Bytes of the headers so far, including the sign before and the line end after each. */
  #headerBytes = 0;
  /** Where the window entered last ends in its record. */
  #end = 0;

  /** A record was read. An invalid one has no windows, and counts as done at once. */
  enterRecord({ header, problem, sequence }: SequenceRecord): void {
    this.#headerBytes += Buffer.byteLength(header) + 2;
    this.#end = 0;
    if (!problem) return;
    this.#letters += sequence.length;
    this.#lettersWithoutFrame += sequence.length;
  }

  /** A window of the record read last: its end, from the record's start, and its number of ORFs. */
  enterWindow(end: number, orfs: number): void {
    const letters = end - this.#end;
    this.#end = end;
    this.#letters += letters;
    this.#frames += orfs;
    if (orfs === 0) this.#lettersWithoutFrame += letters;
  }

  /** Letters that are done when this many frames are; the number need not be whole. */
  letters(framesDone: number): number {
    return this.#lettersWithoutFrame + this.#lettersOf(framesDone);
  }

  /**
   * The same with the headers, in bytes of the inputs: scaled by the effect of compression, line ends and qualities so
   * far.
   */
  bytes(framesDone: number, input: InputProgress): number {
    const bytes = this.#letters === 0 ? this.#headerBytes : this.#withHeaders(this.letters(framesDone));
    return bytes * proportionOf(input);
  }

  /** Bytes of the inputs that this many frames stand for. */
  bytesOf(frames: number, input: InputProgress): number {
    return this.#withHeaders(this.#lettersOf(frames)) * proportionOf(input);
  }

  #lettersOf(frames: number): number {
    if (this.#frames === 0) return 0;
    return (this.#letters - this.#lettersWithoutFrame) * Math.min(1, frames / this.#frames);
  }

  /** Adds the letters' part of the headers. */
  #withHeaders(letters: number): number {
    return letters === 0 ? 0 : letters + (letters * this.#headerBytes) / this.#letters;
  }
}

/** Bytes of the files for each byte of headers and letters. */
function proportionOf({ bytesRead, recordBytes }: InputProgress): number {
  return recordBytes === 0 ? 1 : bytesRead / recordBytes;
}
