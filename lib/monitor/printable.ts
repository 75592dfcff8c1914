/**
 * Which parts of a text reach the terminal, and how wide they are there. Names of contigs and files can contain
 * anything, even escape sequences, and a character that is wider than expected would shift the rest of its line.
 */

/** Two columns wide in every terminal: CJK, kana, Hangul, full-width forms. */
const WIDE =
  /[\u3000-\u3029\u3030-\u303d\u3041-\u3096\u309b-\u30ff\u3400-\u4db5\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60\uffe0-\uffe6]/;

/** Control and format characters, which a terminal obeys, and characters whose width differs between terminals. */
const UNSAFE = new RegExp(
  [
    String.raw`[\p{C}\p{Zl}\p{Zp}\p{Emoji_Presentation}\u{10000}-\u{10ffff}\u06de]`,
    // In the wide scripts, everything but the common characters above.
    String.raw`(?!${WIDE.source})[\u1100-\u11ff\u2e80-\ua4cf\ua960-\ua97f\ud7b0-\ud7ff\uf900-\ufaff\ufe10-\ufe6f\uff00-\uff60\uffe0-\uffe6]`,
  ].join('|'),
  'gu',
);

/** Replaces by a question mark every character that a terminal would obey or draw at an unknown width. */
export function printable(text: string, ascii = false): string {
  const flat = text.normalize('NFC').replaceAll(/\s/g, ' ').replaceAll(/\p{M}/gu, '');
  return ascii ? flat.replaceAll(/[^ -~]/gu, '?') : flat.replaceAll(UNSAFE, '?');
}

/** Replaces control characters, except line ends and tabs, by question marks, so that a terminal obeys none. */
export function harmless(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}/gu, '?');
}

/** Columns of a printable text. */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += WIDE.test(character) ? 2 : 1;
  return columns;
}

/** The beginning of a printable text, at most this many columns, with a mark if something was cut. */
export function cut(text: string, columns: number, ascii = false): string {
  if (width(text) <= columns) return text;
  if (columns < 1) return '';
  const mark = ascii ? '~' : '…';
  return head(text, columns - 1) + mark;
}

/** Cut or padded with spaces to exactly this many columns. */
export function padded(text: string, columns: number, ascii = false): string {
  const fitting = cut(text, columns, ascii);
  return fitting + ' '.repeat(Math.max(0, columns - width(fitting)));
}

/** Breaks a printable text into lines of at most this many columns, at spaces if there are any. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (width(rest) > columns) {
    // A wide character does not fit one column, but must not stop the loop.
    const fitting = head(rest, columns) || rest.slice(0, 1);
    const space = fitting.lastIndexOf(' ');
    const line = space > fitting.length / 2 && rest[fitting.length] !== ' ' ? fitting.slice(0, space) : fitting;
    lines.push(width(line) <= columns ? line : '?');
    rest = rest.slice(line.length).replace(/^ /, '');
  }
  return [...lines, rest];
}

function head(text: string, columns: number): string {
  let taken = '';
  let used = 0;
  for (const character of text) {
    used += width(character);
    if (used > columns) break;
    taken += character;
  }
  return taken;
}
