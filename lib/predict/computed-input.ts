import type { InputProgress } from '../input/input-progress.js';
import type { SequenceRecord } from '../input/record.js';

/**
 * How much of the inputs is computed, by the frames that the devices are through with: results leave in order and so
 * later, in leaps. Letters without a frame are done with as soon as they are entered; of the others, the same share as of
 * their frames.
 */
export class ComputedInput {
  #letters = 0;
  #lettersWithoutFrame = 0;
  #frames = 0;
  /** Bytes of the headers of the records so far, with the sign before and the line end behind each. */
  #headerBytes = 0;
  /** Where the window that was entered last ends in its record. */
  #end = 0;

  /** A record was read. One that is not sound has no windows, and is done with at once. */
  enterRecord({ header, problem, sequence }: SequenceRecord): void {
    this.#headerBytes += Buffer.byteLength(header) + 2;
    this.#end = 0;
    if (!problem) return;
    this.#letters += sequence.length;
    this.#lettersWithoutFrame += sequence.length;
  }

  /** A window of the record that was read last: its end, from the record's start, and its kept frames. */
  enterWindow(end: number, kept: number): void {
    const letters = end - this.#end;
    this.#end = end;
    this.#letters += letters;
    this.#frames += kept;
    if (kept === 0) this.#lettersWithoutFrame += letters;
  }

  /** Letters that are done with when so many frames are, or parts of frames. */
  letters(framesDone: number): number {
    return this.#lettersWithoutFrame + this.#lettersOf(framesDone);
  }

  /**
   * The same with the headers, in bytes of the inputs: compressed, with line ends and qualities, in the proportion that
   * these have had so far.
   */
  bytes(framesDone: number, input: InputProgress): number {
    const bytes = this.#letters === 0 ? this.#headerBytes : this.#withHeaders(this.letters(framesDone));
    return bytes * proportionOf(input);
  }

  /** Bytes of the inputs that so many frames stand for. */
  bytesOf(frames: number, input: InputProgress): number {
    return this.#withHeaders(this.#lettersOf(frames)) * proportionOf(input);
  }

  #lettersOf(frames: number): number {
    if (this.#frames === 0) return 0;
    return (this.#letters - this.#lettersWithoutFrame) * Math.min(1, frames / this.#frames);
  }

  /** With their part of the headers. */
  #withHeaders(letters: number): number {
    return letters === 0 ? 0 : letters + (letters * this.#headerBytes) / this.#letters;
  }
}

/** Bytes of the files for every byte of a header or a letter. */
function proportionOf({ bytesRead, recordBytes }: InputProgress): number {
  return recordBytes === 0 ? 1 : bytesRead / recordBytes;
}
