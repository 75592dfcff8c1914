import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunManifest } from '../../lib/output/manifest.js';
import { virnucpro, type Ended, type RunOptions } from '../80-cli/command-line.js';

export interface LoggedEvent {
  readonly event: string;
  readonly [name: string]: unknown;
}

/** A finished `virnucpro predict`, with its logged events. */
export interface Prediction extends Ended {
  readonly folder: string;
  readonly events: readonly LoggedEvent[];
}

/** Runs `virnucpro predict` with its log in JSON. */
export async function predict(
  input: string,
  folder: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Prediction> {
  const ended = await virnucpro(['predict', input, '-o', folder, '--log-format', 'json', ...args], options);
  const events = ended.errors
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LoggedEvent);
  return { ...ended, folder, events };
}

/** The events of one kind. */
export function named({ events }: Prediction, event: string): LoggedEvent[] {
  return events.filter((logged) => logged.event === event);
}

export function manifestOf({ folder }: Prediction): RunManifest {
  return JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunManifest;
}

/** The files whose bytes must not depend on the devices; run.json has times. */
export const RESULT_FILES = ['contigs.tsv', 'windows.tsv', 'virus.fna', 'prediction_results.txt'] as const;

export function resultsOf({ folder }: Prediction): string {
  return RESULT_FILES.map((name) => readFileSync(join(folder, name), 'latin1')).join('\n');
}

/** Virus scores by contig and window number. */
export function scoresOf({ folder }: Prediction): Map<string, number> {
  const [, header = '', ...rows] = readFileSync(join(folder, 'windows.tsv'), 'utf8').trimEnd().split('\n');
  const column = header.split('\t').indexOf('virus_score');
  const cells = rows.map((row) => row.split('\t')).filter((row) => row[column] !== '');
  return new Map(cells.map((row) => [`${row[0]} ${row[1]}`, Number(row[column])]));
}

/** The largest difference between two predictions of the same windows; infinite if only one of them has a score. */
export function scoreDifference(one: Prediction, other: Prediction): number {
  const [scores, others] = [scoresOf(one), scoresOf(other)];
  if (scores.size !== others.size || scores.size === 0) return Infinity;
  return Math.max(...[...scores].map(([window, score]) => Math.abs(score - (others.get(window) ?? Infinity))));
}
