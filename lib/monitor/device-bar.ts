import type { WorkerStatus } from '../predict/run-status.js';
import { bar, fieldWidth, fitting, GAP, joined, span } from './dashboard-lines.js';
import type { Field, Line } from './dashboard-lines.js';

/** Columns of a bar: what the figures leave, within these. */
const NARROWEST_BAR = 4;
const WIDEST_BAR = 32;

/** What a worker's bar shows: its part of the run; of its batch, where nobody knows how long the run is. */
export function shownFraction({ fraction, running }: WorkerStatus): {
  readonly fraction: number;
  readonly of: 'run' | 'batch';
} {
  return fraction === undefined ? { fraction: running?.fraction ?? 0, of: 'batch' } : { fraction, of: 'run' };
}

/** Columns of the bar before these figures, and those of them that have room: a line without a bar has room for more. */
export function besideBar<F extends Field>(
  all: readonly F[],
  columns: number,
): { readonly barColumns: number; readonly fields: readonly F[] } {
  const fields = fitting(all, Math.max(0, columns - NARROWEST_BAR - GAP.length));
  const used = fields.reduce((sum, field) => sum + fieldWidth(field) + GAP.length, 0);
  const barColumns = Math.min(WIDEST_BAR, columns - used);
  return barColumns < NARROWEST_BAR ? { barColumns: 0, fields: fitting(all, columns) } : { barColumns, fields };
}

/** The bar and the figures in one line. */
export function withBar(worker: WorkerStatus, fields: readonly Field[], barColumns: number, ascii: boolean): Line {
  const figures = joined(fields, ascii);
  if (barColumns === 0) return figures;
  const done = bar(shownFraction(worker).fraction, barColumns, ascii);
  return fields.length === 0 ? done : [...done, span(GAP), ...figures];
}
