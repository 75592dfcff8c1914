import { CARRIAGE_RETURN, LINE_FEED } from './nucleotide-bytes.js';

/** Counts lines that end with LF, CRLF or CR, byte by byte. */
export class LineCounter {
  /** The line, from 1, that the next byte is in. */
  line = 1;
  lastByte = LINE_FEED;

  /** @returns whether the byte ends a line; the LF of a CRLF does not, for its CR has done so */
  pass(byte: number): boolean {
    const isEnd = byte === CARRIAGE_RETURN || (byte === LINE_FEED && this.lastByte !== CARRIAGE_RETURN);
    if (isEnd) this.line++;
    this.lastByte = byte;
    return isEnd;
  }

  /** Goes on from where another has counted to. */
  moveTo(line: number, lastByte: number): void {
    this.line = line;
    this.lastByte = lastByte;
  }
}
