import type { RunStatus, WorkerStatus } from '../predict/run-status.js';
import { bar, fieldWidth, fitting, GAP, joined, span, textOf, withRight } from './dashboard-lines.js';
import type { Field, Line, Span, Style } from './dashboard-lines.js';
import { padded, printable, width } from './printable.js';
import { gibibytes, percent, short, shortGibibytes } from './quantities.js';
import { recentRates } from './rates.js';
import type { RecentRates } from './rates.js';
import { STAGE_NAMES } from './event-text.js';

/** Minimum and maximum columns of a bar, which takes what the figures leave. */
const NARROWEST_BAR = 4;
const WIDEST_BAR = 32;
/** Columns of the longest texts of `stageSpan` and `memoryInUse`. */
const STAGE_COLUMNS = 'DNABERT-S 100 %'.length;
const MEMORY_COLUMNS = '99.9/99.9'.length;
/** Columns from which a screen has room to say what a bar is a fraction of. */
const WIDE_SCREEN = 100;

/** What the frames of a run are. */
function unitOf(history: readonly RunStatus[]): string {
  return history.at(-1)?.unit ?? 'frame';
}

interface DeviceLineOptions {
  readonly columns: number;
  readonly ascii: boolean;
}

/** Two lines for every worker of the last status: its name and the state of its device, then its work. */
export function deviceLines(history: readonly RunStatus[], { columns, ascii }: DeviceLineOptions): Line[] {
  const workers = history.at(-1)?.workers ?? [];
  return workers.flatMap((worker, index) => {
    const name = [span(`${printable(worker.id, ascii)} `, 'title'), span(printable(worker.name, ascii))];
    const sensors = fitting(sensorFields(worker, ascii), columns - width(textOf(name)) - GAP.length);
    const all = workFields(worker, recentRates(history, index), unitOf(history), columns >= WIDE_SCREEN);
    const { fields, barColumns } = besideBar(all, columns - GAP.length);
    return [
      withRight(name, joined(sensors, ascii), columns),
      [span(GAP), ...withBar(worker, fields, barColumns, ascii)],
    ];
  });
}

// The widths are those of the longest usual texts, so that the columns do not move.

function workFields(worker: WorkerStatus, rates: RecentRates, unit: string, isWide: boolean): Field[] {
  const { fraction } = worker;
  const ofTheRun = isWide ? ' of the run' : '';
  const done: Field[] =
    fraction === undefined
      ? []
      : [{ span: span(percent(fraction, 1) + ofTheRun), weight: 6, columns: '100.0 %'.length + ofTheRun.length }];
  return [
    ...done,
    { span: span(`${percent(rates.busyFraction)} busy`), weight: 7, columns: 10 },
    { span: stageSpan(worker), weight: 10, columns: STAGE_COLUMNS },
    { span: span(`${short(rates.framesPerSecond)} ${unit}s/s`), weight: 9, columns: unit.length + 9 },
    { span: span(`${short(rates.tokensPerSecond)} tokens/s`), weight: 8, columns: 15 },
  ];
}

function sensorFields(worker: WorkerStatus, ascii: boolean): Field[] {
  const { memory, utilisation, temperature } = worker;
  const fields: Field[] = [];
  if (memory) {
    fields.push(
      { span: span(`${memoryInUse(worker)} GiB`), weight: 8, columns: MEMORY_COLUMNS + ' GiB'.length },
      { span: span(`peak ${gibibytes(memory.peak)} GiB`, 'faint'), weight: 5, columns: 14 },
    );
  }
  if (utilisation !== undefined) fields.push({ span: span(`${percent(utilisation)} util`), weight: 7, columns: 10 });
  if (temperature !== undefined) {
    fields.push({ span: span(`${temperature.toFixed(0)}${ascii ? ' C' : ' °C'}`), weight: 6, columns: 5 });
  }
  return fields;
}

interface DeviceTableOptions {
  readonly columns: number;
  /** Maximum lines of the table. */
  readonly rows: number;
  readonly ascii: boolean;
}

interface Figure {
  readonly heading: string;
  /** If there is too little room, figures of lower weight are left out first. */
  readonly weight: number;
  readonly columns: number;
  /** Text of the figure; empty if unknown. */
  readonly of: (worker: WorkerStatus, rates: RecentRates) => Span;
}

/** Minimum columns for a name such as `cuda:0`, however narrow the screen. */
const SHORTEST_NAME = 8;

const FIGURES: readonly Figure[] = [
  { heading: 'done', weight: 4, columns: 7, of: ({ fraction }) => span(known(fraction, (value) => percent(value, 1))) },
  { heading: 'busy', weight: 6, columns: 5, of: (_, { busyFraction }) => span(percent(busyFraction)) },
  { heading: 'batch', weight: 10, columns: STAGE_COLUMNS, of: stageSpan },
  { heading: 'frames/s', weight: 9, columns: 8, of: (_, { framesPerSecond }) => span(short(framesPerSecond)) },
  { heading: 'tokens/s', weight: 8, columns: 8, of: (_, { tokensPerSecond }) => span(short(tokensPerSecond)) },
  { heading: 'GiB', weight: 7, columns: MEMORY_COLUMNS, of: (worker) => span(memoryInUse(worker)) },
  { heading: 'util', weight: 5, columns: 5, of: ({ utilisation }) => span(known(utilisation, percent)) },
  {
    heading: '°C',
    weight: 3,
    columns: 3,
    of: ({ temperature }) => span(known(temperature, (value) => value.toFixed(0))),
  },
];

/** A line of headings, one line for every worker of the last status, and a last line that counts those without room. */
export function deviceTable(history: readonly RunStatus[], { columns, rows, ascii }: DeviceTableOptions): Line[] {
  const workers = history.at(-1)?.workers ?? [];
  const rates = workers.map((_, index) => recentRates(history, index));
  const names = workers.map(({ id }) => printable(id, ascii));
  const nameColumns = columnsOfNames(names, columns);
  const name = (text: string, style: Style): Span => span(padded(`${text} `, nameColumns, ascii), style);
  const figures = headings(workers, rates, unitOf(history), ascii);
  const { fields, barColumns } = besideBar(figures, columns - nameColumns);
  const lines = workers.map((worker, index) => {
    const cells = fields.map(({ figure, ...rest }) => ({ ...rest, span: figure.of(worker, rates[index]!) }));
    return [name(names[index]!, 'title'), ...withBar(worker, cells, barColumns, ascii)];
  });
  // A heading needs lines below it.
  if (rows < 3 || workers.length === 0) return asManyAs(lines, rows);
  const ofWhat = barColumns === 0 ? '' : padded(barHeading(workers[0]!, barColumns), barColumns, ascii) + GAP;
  return [[name('device', 'faint'), span(ofWhat, 'faint'), ...joined(fields, ascii)], ...asManyAs(lines, rows - 1)];
}

function columnsOfNames(names: readonly string[], columns: number): number {
  const longest = Math.max('device'.length, ...names.map(width)) + 1;
  return Math.min(longest, Math.max(SHORTEST_NAME, Math.floor(columns / 3)));
}

/** The headings of the figures that are known for any worker. */
function headings(
  workers: readonly WorkerStatus[],
  rates: readonly RecentRates[],
  unit: string,
  ascii: boolean,
): (Field & { readonly figure: Figure })[] {
  return FIGURES.filter(({ of }) => workers.some((worker, index) => of(worker, rates[index]!).text !== '')).map(
    (figure) => {
      const { weight } = figure;
      const heading = figure.heading.replace('frame', unit);
      const columns = Math.max(figure.columns, heading.length);
      return { span: span(ascii ? heading.replace('°', '') : heading, 'faint'), weight, columns, figure };
    },
  );
}

function barHeading(worker: WorkerStatus, columns: number): string {
  const { of } = shownFraction(worker);
  const heading = `of the ${of}`;
  return heading.length <= columns ? heading : of;
}

function asManyAs(lines: readonly Line[], rows: number): Line[] {
  if (lines.length <= rows) return [...lines];
  if (rows < 2) return lines.slice(0, rows);
  const shown = lines.slice(0, rows - 1);
  return [...shown, [span(`and ${lines.length - shown.length} more`, 'faint')]];
}

function known(value: number | undefined, textOf: (value: number) => string): string {
  return value === undefined ? '' : textOf(value);
}

/**
 * What a worker's bar shows: its fraction of the run or, if the length of the run is unknown, the progress of its
 * batch.
 */
function shownFraction({ fraction, running }: WorkerStatus): {
  readonly fraction: number;
  readonly of: 'run' | 'batch';
} {
  return fraction === undefined ? { fraction: running?.fraction ?? 0, of: 'batch' } : { fraction, of: 'run' };
}

/** Columns of the bar before these figures, and the figures that fit: a line without a bar has room for more. */
function besideBar<F extends Field>(
  all: readonly F[],
  columns: number,
): { readonly barColumns: number; readonly fields: readonly F[] } {
  const fields = fitting(all, Math.max(0, columns - NARROWEST_BAR - GAP.length));
  const used = fields.reduce((sum, field) => sum + fieldWidth(field) + GAP.length, 0);
  const barColumns = Math.min(WIDEST_BAR, columns - used);
  return barColumns < NARROWEST_BAR ? { barColumns: 0, fields: fitting(all, columns) } : { barColumns, fields };
}

/** The bar and the figures in one line. */
function withBar(worker: WorkerStatus, fields: readonly Field[], barColumns: number, ascii: boolean): Line {
  const figures = joined(fields, ascii);
  if (barColumns === 0) return figures;
  const done = bar(shownFraction(worker).fraction, barColumns, ascii);
  return fields.length === 0 ? done : [...done, span(GAP), ...figures];
}

/** What a worker computes, and its progress in the batch: `ESM-2 40 %`. */
function stageSpan({ stage, isLost, running }: WorkerStatus): Span {
  if (isLost) return span('lost', 'error');
  if (stage === 'idle') return span(STAGE_NAMES.idle, 'faint');
  return span(STAGE_NAMES[stage] + (running ? ` ${percent(running.fraction)}` : ''), 'good');
}

/** Memory in use by anyone, of all: `20.0/80.0`. Empty if unknown. */
function memoryInUse({ memory }: WorkerStatus): string {
  return memory ? `${shortGibibytes(memory.total - memory.free)}/${shortGibibytes(memory.total)}` : '';
}
