// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventsIn, describeEnd, runVirnucpro } from './command.mjs';

/** @typedef {import('./command.mjs').LoggedEvent} LoggedEvent */

/** The example contigs. */
export const examples = fileURLToPath(new URL('../../examples/contigs.fa', import.meta.url));

/**
 * A finished prediction.
 * @typedef {import('./command.mjs').Ended & { events: LoggedEvent[], output: string }} Predicted
 */

/**
 * @param {import('./steps.mjs').Context} context
 * @param {{ name: string, model: string, input?: string, words?: readonly string[], seconds: number,
 *   environment?: NodeJS.ProcessEnv, interrupt?: import('./command.mjs').Interrupt, text?: boolean }} run
 *   name: of its output folder; text: the log is for people @returns {Promise<Predicted>}
 */
export async function predict({ folder, models }, { name, model, input = examples, words = [], text = false, ...how }) {
  const output = join(folder, 'results', name);
  const common = ['predict', input, '--output', output, '--model', model, '--models', models.folder];
  const ended = await runVirnucpro([...common, ...(text ? [] : ['--log-format', 'json']), ...words], how);
  return { ...ended, events: text ? [] : eventsIn(ended.stderr), output };
}

/** The same, but rejects unless the exit code is 0. @type {typeof predict} */
export async function predictWell(context, run) {
  const predicted = await predict(context, run);
  if (predicted.code !== 0) throw new Error(`predict (${run.name}) failed: ${describeEnd(predicted)}`);
  return predicted;
}

/** @param {Predicted} predicted @param {string} event */
export function named({ events }, event) {
  return events.filter((candidate) => candidate.event === event);
}

/** @param {Predicted} predicted @returns {any} */
export function manifestOf({ output }) {
  return JSON.parse(readFileSync(join(output, 'run.json'), 'utf8'));
}

/** @param {Predicted} predicted @param {string} file */
export function bytesOf({ output }, file) {
  return readFileSync(join(output, file));
}

/** @param {Predicted} predicted */
export function wroteNothing({ output }) {
  return !existsSync(join(output, 'run.json'));
}

/**
 * Largest difference between the virus scores of two predictions; infinite unless both have the same windows.
 * @param {Predicted} one @param {Predicted} other
 */
export function scoreDifference(one, other) {
  const [scores, others] = [scoresOf(one), scoresOf(other)];
  if (scores.size !== others.size) return Infinity;
  let largest = 0;
  for (const [window, score] of scores) {
    const difference = Math.abs(score - (others.get(window) ?? NaN));
    largest = Math.max(largest, Number.isNaN(difference) ? Infinity : difference);
  }
  return largest;
}

/** Virus scores by contig and window number. @param {Predicted} predicted */
function scoresOf({ output }) {
  const [, header = '', ...rows] = readFileSync(join(output, 'windows.tsv'), 'utf8').trimEnd().split('\n');
  const column = header.split('\t').indexOf('virus_score');
  const cells = rows.map((row) => row.split('\t'));
  const scored = cells.filter((row) => row[column] !== '');
  if (column < 0 || scored.length === 0) throw new Error(`Expected scores in ${output}/windows.tsv`);
  return new Map(scored.map((row) => [`${row[0]}\t${row[1]}`, Number(row[column])]));
}
