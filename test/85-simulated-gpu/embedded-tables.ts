import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { RunOptions } from '../80-cli/command-line.js';
import type { SimulatedMachine } from '../simulated-gpu/machine.js';
import { named, type LoggedEvent, type Prediction } from '../simulated-gpu/predict.js';
import type { SimulatedRuns } from '../simulated-gpu/simulated-runs.js';

export type Part = 'dna' | 'protein';

const LETTERS: Readonly<Record<Part, string>> = { protein: 'ACDEFGHIKLMNPQRSTVWY', dna: 'ACGT' };
/** Batches of about three records. */
const SMALL = ['--batch-tokens', '256'];

/** A file of this many records. */
export function inputOf(runs: SimulatedRuns, part: Part, count: number): string {
  const next = seededNumbers(count);
  const letter = (): string => LETTERS[part][(next() >>> 8) % LETTERS[part].length]!;
  const records = Array.from({ length: count }, (_, index) => {
    const letters = Array.from({ length: 40 + ((index * 37) % 80) }, letter);
    return `>${part}_${index}\n${letters.join('')}\n`;
  });
  const path = join(runs.folder, `${part}-${count}.fa`);
  writeFileSync(path, records.join(''));
  return path;
}

/** Runs `virnucpro embed` into a table of this name, in FP32 unless the arguments say otherwise. */
export async function embed(
  runs: SimulatedRuns,
  name: string,
  machine: SimulatedMachine,
  given: { readonly input: string; readonly part?: Part; readonly args?: readonly string[] },
  options: RunOptions = {},
): Promise<Prediction> {
  const { input, part = 'protein', args = [] } = given;
  const folder = join(runs.folder, `${name}.tsv`);
  const all = ['embed', input, '-o', folder, '--model', 'golden', '--part', part, '--log-format', 'json'];
  const ended = await runs.command(machine, [...all, '--precision', 'fp32', ...SMALL, ...args], options);
  const lines = ended.errors.split('\n').filter((line) => line.startsWith('{'));
  return { ...ended, folder, events: lines.map((line) => JSON.parse(line) as LoggedEvent) };
}

export function tableOf({ folder }: Prediction): string {
  return readFileSync(folder, 'utf8');
}

/** The devices that events of this kind are about. */
export function devicesOf(run: Prediction, event: string): unknown[] {
  return named(run, event).map(({ device }) => device);
}

/** The differences between the numbers of two tables with the same rows, where there are any. */
function differencesOf(...tables: readonly [string, string]): number[] {
  // The first line has the precision.
  const [cells, others] = tables.map((table) => table.slice(table.indexOf('\n')).split(/[\t\n]/));
  assert.equal(cells!.length, others!.length);
  return cells!.flatMap((cell, index) =>
    cell === others![index] ? [] : [Math.abs(Number(cell) - Number(others![index]))],
  );
}

export function largestDifference(one: string, other: string): number {
  return differencesOf(one, other).reduce((most, difference) => (difference <= most ? most : difference), 0);
}

/** The Euclidean distance between two tables with the same rows. */
export function distance(one: string, other: string): number {
  return Math.hypot(...differencesOf(one, other));
}
