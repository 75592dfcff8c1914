/**
 * What of a text reaches the terminal, and how wide it is there. Names of contigs and files hold anything, escape
 * sequences too, and a character that is wider than thought would push the rest of its line out of place.
 */

/** Two columns wide in every terminal: CJK, kana, Hangul, full-width forms. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/;

/** What terminals disagree on or obey: control and format characters, emoji, all beyond the first plane. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\p{Emoji_Presentation}\u{10000}-\u{10ffff}]/gu;

/** Without what a terminal would obey or draw at an unknown width: such a character becomes a question mark. */
export function printable(text: string, ascii = false): string {
  const flat = text.normalize('NFC').replaceAll(/\s/g, ' ').replaceAll(/\p{M}/gu, '');
  return ascii ? flat.replaceAll(/[^ -~]/gu, '?') : flat.replaceAll(UNSAFE, '?');
}

/** Columns of a printable text. */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += WIDE.test(character) ? 2 : 1;
  return columns;
}

/** The beginning of a printable text, at most so many columns; where something is cut, a mark says so. */
export function cut(text: string, columns: number, ascii = false): string {
  if (width(text) <= columns) return text;
  if (columns < 1) return '';
  const mark = ascii ? '~' : '…';
  return head(text, columns - 1) + mark;
}

/** Cut or filled with spaces to exactly so many columns. */
export function padded(text: string, columns: number, ascii = false): string {
  const fitting = cut(text, columns, ascii);
  return fitting + ' '.repeat(Math.max(0, columns - width(fitting)));
}

/** The lines of a printable text, none wider than so many columns; broken at spaces where there are any. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (width(rest) > columns) {
    // A wide character does not fit one column; it must not hold up the rest either.
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
