import type { RunStatus, WorkerStatus } from '../predict/run-status.js';
import { fitting, GAP, joined, span, textOf, withRight } from './dashboard-lines.js';
import type { Field, Line } from './dashboard-lines.js';
import { besideBar, withBar } from './device-bar.js';
import { MEMORY_COLUMNS, memoryInUse, STAGE_COLUMNS, stageSpan } from './device-figures.js';
import { printable, width } from './printable.js';
import { gibibytes, percent, short } from './quantities.js';
import { recentRates } from './rates.js';
import type { RecentRates } from './rates.js';

/** Columns of a screen from which on there is room to say what a bar is of. */
const WIDE_SCREEN = 100;

export interface DeviceLineOptions {
  readonly columns: number;
  readonly ascii: boolean;
}

/** Two lines for every worker of the last status: what it is and how its device is, and what it does. */
export function deviceLines(history: readonly RunStatus[], { columns, ascii }: DeviceLineOptions): Line[] {
  const workers = history.at(-1)?.workers ?? [];
  return workers.flatMap((worker, index) => {
    const name = [span(`${printable(worker.id, ascii)} `, 'title'), span(printable(worker.name, ascii))];
    const sensors = fitting(sensorFields(worker, ascii), columns - width(textOf(name)) - GAP.length);
    const all = workFields(worker, recentRates(history, index), columns >= WIDE_SCREEN);
    const { fields, barColumns } = besideBar(all, columns - GAP.length);
    return [
      withRight(name, joined(sensors, ascii), columns),
      [span(GAP), ...withBar(worker, fields, barColumns, ascii)],
    ];
  });
}

// The widths are those of the longest texts that are usual, so that the columns stand still.

function workFields(worker: WorkerStatus, rates: RecentRates, isWide: boolean): Field[] {
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
    { span: span(`${short(rates.framesPerSecond)} frames/s`), weight: 9, columns: 14 },
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
