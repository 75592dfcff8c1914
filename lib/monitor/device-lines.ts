import type { RunStatus, WorkerStatus } from '../predict/run-status.js';
import { bar, fieldWidth, fitting, GAP, joined, span, textOf, withRight } from './dashboard-lines.js';
import type { Field, Line, Span } from './dashboard-lines.js';
import { STAGE_NAMES } from './event-words.js';
import { padded, printable, width } from './printable.js';
import { gibibytes, percent, short, shortGibibytes } from './quantities.js';
import { recentRates } from './rates.js';
import type { RecentRates } from './rates.js';

export interface DeviceLineOptions {
  readonly columns: number;
  readonly ascii: boolean;
}

/** Columns of a bar: what the figures leave, within these. */
const NARROWEST_BAR = 4;
const WIDEST_BAR = 24;
/** Columns for `cuda:0` and the like, however narrow the screen. */
const SHORTEST_HEAD = 8;

/** One line for every worker of the last status. */
export function shortDeviceLines(history: readonly RunStatus[], options: DeviceLineOptions): Line[] {
  const workers = history.at(-1)?.workers ?? [];
  const heads = workers.map(({ id }) => `${printable(id, options.ascii)} `);
  const headColumns = Math.min(
    Math.max(0, ...heads.map(width)),
    Math.max(SHORTEST_HEAD, Math.floor(options.columns / 3)),
  );
  return workers.map((worker, index) => {
    const rates = recentRates(history, index);
    const head = span(padded(heads[index]!, headColumns, options.ascii), 'title');
    const fields = [...workFields(worker, rates), ...memoryFields(worker), ...sensorFields(worker, '', options.ascii)];
    return [head, ...barAndFields(rates, fields, { ...options, columns: options.columns - headColumns })];
  });
}

/** Two lines for every worker: what it is and how its device is, and what it does. */
export function longDeviceLines(history: readonly RunStatus[], options: DeviceLineOptions): Line[] {
  const { columns, ascii } = options;
  const workers = history.at(-1)?.workers ?? [];
  return workers.flatMap((worker, index) => {
    const rates = recentRates(history, index);
    const name = [span(`${printable(worker.id, ascii)} `, 'title'), span(printable(worker.name, ascii))];
    const sensors = fitting(
      [...peakFields(worker), ...sensorFields(worker, ' util', ascii)],
      columns - width(textOf(name)) - GAP.length,
    );
    const busy: Field = { span: span(`${percent(rates.busyShare)} busy`), weight: 6, columns: 10 };
    const fields = [busy, ...workFields(worker, rates), ...memoryFields(worker)];
    const work = barAndFields(rates, fields, { ...options, columns: columns - GAP.length });
    return [withRight(name, joined(sensors, ascii), columns), [span(GAP), ...work]];
  });
}

/** The bar comes first and has the room that the figures leave, as long as that makes a bar. */
function barAndFields(rates: RecentRates, all: readonly Field[], { columns, ascii }: DeviceLineOptions): Line {
  const fields = fitting(all, Math.max(0, columns - NARROWEST_BAR - GAP.length));
  const used = fields.reduce((sum, field) => sum + fieldWidth(field) + GAP.length, 0);
  const barColumns = Math.min(WIDEST_BAR, columns - used);
  if (barColumns < NARROWEST_BAR) return joined(fitting(all, columns), ascii);
  const busy = bar(rates.busyShare, barColumns, ascii);
  return fields.length === 0 ? busy : [...busy, span(GAP), ...joined(fields, ascii)];
}

// The widths are those of the longest texts that are usual, so that the columns stand still.

function workFields(worker: WorkerStatus, rates: RecentRates): Field[] {
  return [
    { span: stageSpan(worker), weight: 10, columns: 9 },
    { span: span(`${short(rates.framesPerSecond)} frames/s`), weight: 9, columns: 14 },
    { span: span(`${short(rates.tokensPerSecond)} tokens/s`), weight: 8, columns: 15 },
  ];
}

function memoryFields({ memory }: WorkerStatus): Field[] {
  if (!memory) return [];
  const used = memory.total - memory.free;
  return [{ span: span(`${shortGibibytes(used)}/${shortGibibytes(memory.total)} GiB`), weight: 7, columns: 13 }];
}

function peakFields({ memory }: WorkerStatus): Field[] {
  return memory ? [{ span: span(`peak ${gibibytes(memory.peak)} GiB`, 'faint'), weight: 5, columns: 14 }] : [];
}

function sensorFields({ utilisation, temperature }: WorkerStatus, unit: string, ascii: boolean): Field[] {
  const fields: Field[] = [];
  if (utilisation !== undefined) {
    fields.push({ span: span(percent(utilisation) + unit), weight: 6, columns: 5 + unit.length });
  }
  if (temperature !== undefined) {
    fields.push({ span: span(`${temperature.toFixed(0)}${ascii ? ' C' : ' °C'}`), weight: 5, columns: 5 });
  }
  return fields;
}

function stageSpan({ stage, isLost }: WorkerStatus): Span {
  if (isLost) return span('lost', 'error');
  return span(STAGE_NAMES[stage], stage === 'idle' ? 'faint' : 'good');
}
