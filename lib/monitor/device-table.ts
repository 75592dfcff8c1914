import type { RunStatus, WorkerStatus } from '../predict/run-status.js';
import { GAP, joined, span } from './dashboard-lines.js';
import type { Field, Line, Span, Style } from './dashboard-lines.js';
import { besideBar, shownFraction, withBar } from './device-bar.js';
import { MEMORY_COLUMNS, memoryInUse, STAGE_COLUMNS, stageSpan } from './device-figures.js';
import { padded, printable, width } from './printable.js';
import { percent, short } from './quantities.js';
import { recentRates } from './rates.js';
import type { RecentRates } from './rates.js';

export interface DeviceTableOptions {
  readonly columns: number;
  /** The most lines that it may have. */
  readonly rows: number;
  readonly ascii: boolean;
}

interface Figure {
  readonly heading: string;
  /** The highest is kept longest. */
  readonly weight: number;
  readonly columns: number;
  /** Empty where it is not known. */
  readonly of: (worker: WorkerStatus, rates: RecentRates) => Span;
}

/** Columns for `cuda:0` and the like, however narrow the screen. */
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

/** One line for every worker of the last status below a line of headings, and a last one for those that have no room. */
export function deviceTable(history: readonly RunStatus[], { columns, rows, ascii }: DeviceTableOptions): Line[] {
  const workers = history.at(-1)?.workers ?? [];
  const rates = workers.map((_, index) => recentRates(history, index));
  const names = workers.map(({ id }) => printable(id, ascii));
  const nameColumns = columnsOfNames(names, columns);
  const name = (text: string, style: Style): Span => span(padded(`${text} `, nameColumns, ascii), style);
  const { fields, barColumns } = besideBar(headings(workers, rates, ascii), columns - nameColumns);
  const lines = workers.map((worker, index) => {
    const cells = fields.map(({ figure, ...rest }) => ({ ...rest, span: figure.of(worker, rates[index]!) }));
    return [name(names[index]!, 'title'), ...withBar(worker, cells, barColumns, ascii)];
  });
  // A heading needs something below it.
  if (rows < 3 || workers.length === 0) return asManyAs(lines, rows);
  const ofWhat = barColumns === 0 ? '' : padded(barHeading(workers[0]!, barColumns), barColumns, ascii) + GAP;
  return [[name('device', 'faint'), span(ofWhat, 'faint'), ...joined(fields, ascii)], ...asManyAs(lines, rows - 1)];
}

function columnsOfNames(names: readonly string[], columns: number): number {
  const longest = Math.max('device'.length, ...names.map(width)) + 1;
  return Math.min(longest, Math.max(SHORTEST_NAME, Math.floor(columns / 3)));
}

/** Of the figures that are known of any worker. */
function headings(
  workers: readonly WorkerStatus[],
  rates: readonly RecentRates[],
  ascii: boolean,
): (Field & { readonly figure: Figure })[] {
  return FIGURES.filter(({ of }) => workers.some((worker, index) => of(worker, rates[index]!).text !== '')).map(
    (figure) => {
      const { heading, weight, columns } = figure;
      return { span: span(ascii ? heading.replace('°', '') : heading, 'faint'), weight, columns, figure };
    },
  );
}

function barHeading(worker: WorkerStatus, columns: number): string {
  const { of } = shownFraction(worker);
  const words = `of the ${of}`;
  return words.length <= columns ? words : of;
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
