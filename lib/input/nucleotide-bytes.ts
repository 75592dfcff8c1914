export const LINE_FEED = 10;
export const CARRIAGE_RETURN = 13;

/** Kinds of bytes between headers. Those below LINE_END are letters of a sequence in every format. */
export const BASE = 0;
/** IUPAC letters for more than one base, and X, which masks a base as N does. */
export const AMBIGUOUS = 1;
/** U, which RNA has in place of T. */
export const URACIL = 2;
export const LINE_END = 3;
export const RETURN = 4;
export const BLANK = 5;
/** `>`, `@` and `+`, which begin a line of another kind. */
export const MARK = 6;
export const GAP = 7;
export const DIGIT = 8;
export const COMMENT_MARK = 9;
export const STAR = 10;
/** A byte of UTF-8's byte order mark. */
export const ORDER_MARK = 11;
export const PROTEIN_LETTER = 12;
const STRANGE = 13;

/** Letters that stand for amino acids only, not for a nucleotide or an unknown one (X). */
export const PROTEIN_LETTERS = 'EFIJLOPQZefijlopqz';

/** The bytes of UTF-8's byte order mark, in order. */
export const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];

function kindsOf(): Uint8Array {
  const kinds = new Uint8Array(256).fill(STRANGE);
  const enter = (bytes: string | readonly number[], kind: number): void => {
    for (const byte of typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes) kinds[byte] = kind;
  };
  enter('ACGTacgt', BASE);
  enter('RYSWKMBDHVNXryswkmbdhvnx', AMBIGUOUS);
  enter('Uu', URACIL);
  enter([LINE_FEED], LINE_END);
  enter([CARRIAGE_RETURN], RETURN);
  enter(' \t\v\f', BLANK);
  enter('>@+', MARK);
  enter('-.', GAP);
  enter('0123456789', DIGIT);
  enter(';#!', COMMENT_MARK);
  enter('*', STAR);
  enter(BYTE_ORDER_MARK, ORDER_MARK);
  enter(PROTEIN_LETTERS, PROTEIN_LETTER);
  return kinds;
}

/** Kind of each byte. One table for all formats: the reader's loop is faster when the compiler knows its table. */
export const BYTE_KINDS = kindsOf();

export function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

/** @returns the position of the next line end, or the length of the block */
export function endOfLine(block: Uint8Array, from: number): number {
  let position = from;
  while (position < block.length && !isLineEnd(block[position]!)) position++;
  return position;
}
