export const LINE_FEED = 10;
export const CARRIAGE_RETURN = 13;

/** What a byte between the headers is. Those before LINE_END are letters of a sequence, whatever the format. */
export const BASE = 0;
/** IUPAC's letters for more than one base, and X, which masks one as N does. */
export const AMBIGUOUS = 1;
/** What RNA has for T. */
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

/** The letters that stand for amino acids and for no nucleotide, nor for one that is not known (X). */
export const PROTEIN_LETTERS = 'EFIJLOPQZefijlopqz';

/** UTF-8's, in their order. */
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

/** What each byte is. One table for all formats: the reader's loop is faster over one that is known when it is compiled. */
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
