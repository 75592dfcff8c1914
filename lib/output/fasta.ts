const COLUMNS = 60;
const LINE_FEED = 10;

/** Letters of one wrapped block: a multiple of the columns, so that blocks can follow each other. */
export const WRAPPED_BLOCK_LETTERS = COLUMNS * 1000;

/** Bytes that so many letters take in lines of 60, with the line ends. */
export function wrappedBytes(letters: number): number {
  return letters + Math.ceil(letters / COLUMNS);
}

/** The letters in lines of 60, each with its line end. */
export function wrapped(letters: Uint8Array): Uint8Array {
  const lines = Math.ceil(letters.length / COLUMNS);
  const text = Buffer.allocUnsafe(wrappedBytes(letters.length));
  for (let line = 0; line < lines; line++) {
    const start = line * COLUMNS;
    const end = Math.min(start + COLUMNS, letters.length);
    text.set(letters.subarray(start, end), start + line);
    text[end + line] = LINE_FEED;
  }
  return text;
}

/** The letters in one line, with its line end. */
export function unwrapped(letters: Uint8Array): Uint8Array {
  const text = Buffer.allocUnsafe(letters.length + 1);
  text.set(letters);
  text[letters.length] = LINE_FEED;
  return text;
}
