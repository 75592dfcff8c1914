import type { RunStatus } from '../predict/run-status.js';
import { bar, cutLine, fitting, GAP, joined, span, textOf, withRight } from './dashboard-lines.js';
import type { Field, Line, Style } from './dashboard-lines.js';
import { deviceLines, deviceTable } from './device-lines.js';
import type { LogLevel } from './log.js';
import { printable, width, wrapped } from './printable.js';
import { bases, bytes, clock, duration, percent, residues, short } from './quantities.js';
import { totalRates } from './rates.js';

/** A line of the log in its pane. */
export interface PaneLine {
  readonly text: string;
  readonly level: LogLevel;
}

export interface DashboardView {
  /** Size of the screen. */
  readonly columns: number;
  readonly rows: number;
  /** Whether to draw ASCII only. */
  readonly ascii: boolean;
  readonly title: string;
  /** Oldest first. */
  readonly log: readonly PaneLine[];
  /** Whether the log fills the screen. */
  readonly logOnly: boolean;
  /** Whether keys are read: standard input is the terminal, and not an input of the run. */
  readonly hasKeys: boolean;
  /** Whether the run was asked to stop. */
  readonly isStopping: boolean;
}

/** Minimum lines for the log when every device has two lines. */
const LOG_BESIDE_LONG_DEVICES = 6;
/** Minimum lines for the log before a device may be left out for it. */
const LOG_BESIDE_DEVICES = 2;

/**
 * The whole screen as plain text: at most `rows` lines, none wider than `columns`.
 *
 * @param history statuses of the last minute, oldest first; the last one is the present. Empty before the run begins
 */
export function renderDashboard(history: readonly RunStatus[], view: DashboardView): string[] {
  return dashboardLines(history, view).map(textOf);
}

/** The same as styled pieces. */
export function dashboardLines(history: readonly RunStatus[], view: DashboardView): Line[] {
  const { rows, columns, ascii } = view;
  const keys = rows >= 2 ? [keyLine(history.at(-1), view)] : [];
  const free = rows - keys.length;
  const body = view.logOnly && rows >= 2 ? logPane(view, free) : overview(history, view, free);
  const blank = Array.from({ length: Math.max(0, free - body.length) }, () => []);
  return [...body, ...blank, ...keys].slice(0, rows).map((line) => cutLine(line, columns, ascii));
}

/** The progress of the run in one line, for a terminal that has lost its dashboard. */
export function overviewText(title: string, status: RunStatus | undefined): string {
  if (!status) return `${title}: ended before the run began`;
  const { unit = 'frame', fraction, frames, framesFailed, seconds } = status;
  const parts = [
    fraction === undefined ? `${letters(status)} done` : `${percent(fraction, 1)} done`,
    `${frames} ${unit}s`,
    framesFailed > 0 ? `${framesFailed} failed` : '',
    `after ${duration(seconds)}`,
  ];
  return `${title}: ${parts.filter(Boolean).join(', ')}`;
}

/** Everything above the last line, in this many rows; with few rows, the least important parts go first. */
function overview(history: readonly RunStatus[], view: DashboardView, rows: number): Line[] {
  const status = history.at(-1);
  if (!status) return beforeTheRun(view, rows);
  const head = [overallLine(status, view)];
  if (rows >= 3) head.push(figuresLine(history, view));
  if (rows >= 6) head.unshift(titleLine(status, view));
  if (rows >= 12) head.push([]);
  const left = rows - head.length;
  const most = left >= 8 ? left - LOG_BESIDE_DEVICES - 1 : left;
  const hasTwoLines = left >= 2 * status.workers.length + LOG_BESIDE_LONG_DEVICES + 1;
  const shown = hasTwoLines ? deviceLines(history, view) : deviceTable(history, { ...view, rows: most });
  const forLog = left - shown.length;
  return [...head, ...shown, ...(forLog >= 2 ? logPane(view, forLog) : [])];
}

function beforeTheRun(view: DashboardView, rows: number): Line[] {
  const head: Line[] = [[span(printable(view.title, view.ascii), 'title')], [span('loading')]].slice(-rows);
  return rows - head.length >= 2 ? [...head, ...logPane(view, rows - head.length)] : head;
}

function titleLine({ seconds }: RunStatus, { title, columns, ascii }: DashboardView): Line {
  return withRight([span(printable(title, ascii), 'title')], [span(clock(seconds), 'faint')], columns);
}

function overallLine(status: RunStatus, { columns, ascii }: DashboardView): Line {
  const { fraction, secondsLeft, isPaused, bytesRead, bytesTotal } = status;
  const state = isPaused ? [field('PAUSED', 9, 'warning')] : [];
  const read =
    bytesTotal === undefined ? `${bytes(bytesRead)} read` : `${bytes(bytesRead)} of ${bytes(bytesTotal)} read`;
  if (fraction === undefined) {
    return joined(fitting([...state, field(`${letters(status)} done`, 8), field(read, 7)], columns), ascii);
  }
  const left = secondsLeft === undefined ? 'time left unknown' : `${duration(secondsLeft)} left`;
  // Fixed widths keep the bar still; a narrow screen has no room for that.
  const [fractionColumns, leftColumns] = columns < 60 ? [0, 0] : ['100.0 %'.length, '119 min left'.length];
  const fields = fitting(
    [
      field(percent(fraction, 1), 10, 'plain', fractionColumns),
      ...state,
      field(left, 8, 'plain', leftColumns),
      field(read, 3),
    ],
    columns,
  );
  const figures = joined(fields, ascii);
  const room = columns - width(textOf(figures)) - GAP.length;
  return room < 4 ? figures : [...bar(fraction, room, ascii, isPaused ? 'warning' : 'done'), span(GAP), ...figures];
}

function figuresLine(history: readonly RunStatus[], { columns, ascii }: DashboardView): Line {
  const status = history.at(-1)!;
  const { unit = 'frame', frames, framesFound, framesSpared, framesFailed } = status;
  const { records, windows } = status;
  const rates = totalRates(history);
  const failed = field(
    framesFailed === 0 ? 'none failed' : `${framesFailed} failed`,
    9,
    framesFailed ? 'error' : 'plain',
  );
  const fields = [
    field(`${frames} of ${framesFound} ${unit}s`, 10),
    failed,
    ...(framesSpared > 0 ? [field(`${framesSpared} by triage`, 6)] : []),
    field(`${short(rates.framesPerSecond)} ${unit}s/s`, 8),
    field(`${short(rates.tokensPerSecond)} tokens/s`, 7),
    field(`${records} records`, 6),
    ...(unit === 'frame' ? [field(`${windows} windows`, 5)] : []),
    field(letters(status), 4),
  ];
  return joined(fitting(fields, columns), ascii);
}

function letters({ letter = 'base', lettersComputed }: RunStatus): string {
  return letter === 'residue' ? residues(lettersComputed) : bases(lettersComputed);
}

function field(text: string, weight: number, style: Style = 'plain', columns = 0): Field {
  return { span: span(text, style), weight, columns: Math.max(columns, width(text)) };
}

const LEVEL_STYLES = { error: 'error', warn: 'warning', info: 'plain', debug: 'faint' } as const;

/** A rule, and the latest lines below it. */
function logPane({ log, columns, ascii }: DashboardView, rows: number): Line[] {
  const rule = (ascii ? '-' : '─').repeat(Math.max(0, columns - 6));
  const lines: Line[] = [];
  // Backwards from the latest line, so that a long log costs no more than its visible part.
  for (let index = log.length - 1; index >= 0 && lines.length < rows - 1; index--) {
    const { text, level } = log[index]!;
    const parts = wrapped(printable(text, ascii), columns).map((part) => [span(part, LEVEL_STYLES[level])]);
    lines.unshift(...parts);
  }
  const shown = lines.slice(Math.max(0, lines.length - (rows - 1)));
  return [[span('Log   ', 'title'), span(rule, 'faint')], ...shown];
}

function keyLine(status: RunStatus | undefined, { hasKeys, isStopping, logOnly, columns, ascii }: DashboardView): Line {
  if (isStopping) {
    return [span('Stopping after the running batches. Ctrl-C: stop at once', 'warning')];
  }
  if (!hasKeys) return [span('No keys: standard input is in use. Ctrl-C: quit', 'faint')];
  const keys = [
    field('q quit', 4),
    // Loading cannot be paused.
    ...(status ? [field(status.isPaused ? 'p resume' : 'p pause', 3)] : []),
    field(logOnly ? 'l overview' : 'l log', 2),
    field('Ctrl-C twice: stop at once', 1, 'faint'),
  ];
  return joined(fitting(keys, columns), ascii);
}
