import { cut, padded, width } from './printable.js';

/** What a piece of a line means; the screen gives it a colour. */
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

/** A piece of a line that can be left out where there is no room. */
export interface Field {
  readonly span: Span;
  /** The highest is kept longest. */
  readonly weight: number;
  /** Columns; shorter texts are filled up, so that the fields of several lines stand below each other. */
  readonly columns?: number;
}

export const GAP = '  ';

/** The most important fields that fit, in their order. */
export function fitting<F extends Field>(fields: readonly F[], columns: number): F[] {
  const chosen = new Set<F>();
  let used = 0;
  for (const field of [...fields].sort((one, other) => other.weight - one.weight)) {
    const more = fieldWidth(field) + (chosen.size > 0 ? GAP.length : 0);
    // A less important field must not stand where a more important one did not fit: lines would differ from each other.
    if (used + more > columns) break;
    used += more;
    chosen.add(field);
  }
  return fields.filter((field) => chosen.has(field));
}

/** Fields side by side, each at its width. */
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

/** What follows the whole columns of a bar: its last column in eighths. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of exactly so many columns. @param fraction 0 to 1 */
export function bar(fraction: number, columns: number, ascii: boolean, style: Style = 'done'): Line {
  const steps = ascii ? 1 : EIGHTHS.length;
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * columns * steps);
  const part = EIGHTHS[filled % steps]!;
  const done = (ascii ? '#' : '█').repeat(Math.floor(filled / steps)) + part;
  return [span(done, style), span((ascii ? '-' : '░').repeat(columns - width(done)), 'rest')];
}

/** The line with a second part at the right edge, where there is room for both. */
export function withRight(left: Line, right: Line, columns: number): Line {
  const room = columns - width(textOf(left)) - width(textOf(right));
  return room < GAP.length ? left : [...left, span(' '.repeat(room)), ...right];
}

/** No wider than so many columns. */
export function cutLine(line: Line, columns: number, ascii: boolean): Line {
  let room = columns;
  return line.flatMap(({ text, style }) => {
    const kept = cut(text, room, ascii);
    room -= width(kept);
    return kept === '' ? [] : [span(kept, style)];
  });
}
