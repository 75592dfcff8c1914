import { cut, padded, width } from './printable.js';

/** The meaning of a piece of a line; the screen chooses its colour. */
export type Style = 'plain' | 'title' | 'done' | 'rest' | 'faint' | 'good' | 'warning' | 'error';

export interface Span {
  readonly text: string;
  readonly style: Style;
}

/** One line of the screen, from left to right. */
export type Line = readonly Span[];

export function span(text: string, style: Style = 'plain'): Span {
  return { text, style };
}

export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}

/** A piece of a line that is left out if there is no room. */
export interface Field {
  readonly span: Span;
  /** If there is too little room, fields of lower weight are left out first. */
  readonly weight: number;
  /** Columns; shorter texts are padded, so that the fields of several lines are aligned. */
  readonly columns?: number;
}

export const GAP = '  ';

/** The most important fields that fit, in their original order. */
export function fitting<F extends Field>(fields: readonly F[], columns: number): F[] {
  const chosen = new Set<F>();
  let used = 0;
  for (const field of [...fields].sort((one, other) => other.weight - one.weight)) {
    const more = fieldWidth(field) + (chosen.size > 0 ? GAP.length : 0);
    // A less important field must not take the place of one that did not fit: lines would differ from each other.
    if (used + more > columns) break;
    used += more;
    chosen.add(field);
  }
  return fields.filter((field) => chosen.has(field));
}

/** Joins fields, each padded to its width. */
export function joined(fields: readonly Field[], ascii: boolean): Line {
  return fields.flatMap((field, index) => {
    const { text, style } = field.span;
    const filled = span(padded(text, fieldWidth(field), ascii), style);
    return index === 0 ? [filled] : [span(GAP), filled];
  });
}

export function fieldWidth({ span: { text }, columns }: Field): number {
  return columns ?? width(text);
}

/** The last, partly filled column of a bar, in eighths. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of exactly this many columns. @param fraction 0 to 1 */
export function bar(fraction: number, columns: number, ascii: boolean, style: Style = 'done'): Line {
  const steps = ascii ? 1 : EIGHTHS.length;
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * columns * steps);
  const part = EIGHTHS[filled % steps]!;
  const done = (ascii ? '#' : '█').repeat(Math.floor(filled / steps)) + part;
  return [span(done, style), span((ascii ? '-' : '░').repeat(columns - width(done)), 'rest')];
}

/** Adds a second part at the right edge, if there is room for both. */
export function withRight(left: Line, right: Line, columns: number): Line {
  const room = columns - width(textOf(left)) - width(textOf(right));
  return room < GAP.length ? left : [...left, span(' '.repeat(room)), ...right];
}

/** Cuts a line to at most this many columns. */
export function cutLine(line: Line, columns: number, ascii: boolean): Line {
  let room = columns;
  return line.flatMap(({ text, style }) => {
    const kept = cut(text, room, ascii);
    room -= width(kept);
    return kept === '' ? [] : [span(kept, style)];
  });
}
