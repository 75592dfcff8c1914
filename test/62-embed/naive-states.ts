import { startOf, windowsOf } from '../../lib/embed/token-windows.js';

/** Of one layer: [tokens, width] with the special tokens at both ends, and what is pooled of it. */
export interface NaiveStates {
  readonly tokens: Float64Array[];
  readonly mean: Float64Array;
  readonly cls: Float64Array;
  readonly max: Float64Array;
}

/**
 * What docs/embedding.md states, computed from all states at once: averages the rows of every token over the windows
 * that have it, then pools.
 * @param windowStates the rows of one window, special tokens included
 */
export function naiveStates(
  part: 'protein' | 'dna',
  total: number,
  limit: number,
  windowStates: (window: number) => readonly ArrayLike<number>[],
): NaiveStates {
  const windows = windowsOf(total, limit);
  const rowsOf: ArrayLike<number>[][] = Array.from({ length: total + 2 }, () => []);
  for (let window = 0; window < windows.count; window++) {
    const rows = windowStates(window);
    const start = startOf(windows, window);
    rowsOf[0]!.push(rows[0]!);
    rowsOf[total + 1]!.push(rows.at(-1)!);
    for (let token = 0; token < windows.size; token++) rowsOf[1 + start + token]!.push(rows[1 + token]!);
  }
  const tokens = rowsOf.map((rows) =>
    columns(rows, (values) => values.reduce((sum, value) => sum + value) / values.length),
  );
  const pooled = part === 'dna' ? tokens : tokens.slice(1, -1);
  return {
    tokens,
    mean: columns(pooled, (values) => values.reduce((sum, value) => sum + value) / values.length),
    cls: tokens[0]!,
    max: columns(pooled, (values) => values.reduce((most, value) => Math.max(most, value))),
  };
}

function columns(rows: readonly ArrayLike<number>[], of: (values: number[]) => number): Float64Array {
  return Float64Array.from({ length: rows[0]!.length }, (_, column) => of(rows.map((row) => row[column]!)));
}
