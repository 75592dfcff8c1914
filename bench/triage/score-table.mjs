// @ts-check
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * A window in a table.
 * @typedef {object} ScoredWindow
 * @property {string} contig
 * @property {string} window
 * @property {number | undefined} score of the class virus; undefined if there is none
 * @property {number} frames read for the window
 */

/**
 * The windows of one run, in the run's order.
 * @typedef {object} ScoreTable
 * @property {string} model
 * @property {string | undefined} note what else run.json says about its scores
 * @property {ScoredWindow[]} windows
 */

const NEEDED = ['contig', 'window', 'virus_score'];

/** @param {string} path a directory that `predict` wrote, or a table @returns {Promise<ScoreTable>} */
export async function readScores(path) {
  if (!statSync(path).isDirectory()) return { model: basename(path), note: undefined, windows: await windowsIn(path) };
  const { model, note } = describe(path);
  return { model, note, windows: await windowsIn(join(path, 'windows.tsv')) };
}

/** @param {string} directory @returns {{ model: string, note: string | undefined }} */
function describe(directory) {
  const path = join(directory, 'run.json');
  if (!existsSync(path)) return { model: basename(resolve(directory)), note: undefined };
  const { model, parameters, outcome, triage } = JSON.parse(readFileSync(path, 'utf8'));
  if (triage) throw new Error(`Expected a run without triage but ${directory} has triage by ${triage.model.name}`);
  const random = model.random ? ', random weights' : '';
  const notes = `temperature ${parameters.temperature ?? 1}, ${outcome}${random}`;
  return { model: model.name, note: notes };
}

/** @param {string} path @returns {Promise<ScoredWindow[]>} */
async function windowsIn(path) {
  /** @type {ScoredWindow[]} */
  const windows = [];
  for await (const cells of rowsOf(path, NEEDED)) {
    const text = cells('virus_score') ?? '';
    const score = text === '' ? undefined : Math.fround(Number(text));
    if (score !== undefined && !(score >= 0 && score <= 1))
      throw new Error(`Expected scores in ${path} but found ${text}`);
    const frames = Number(cells('frames') ?? 1);
    windows.push({ contig: cells('contig') ?? '', window: cells('window') ?? '', score, frames });
  }
  return windows;
}

/** @param {string} path @returns {Promise<Map<string, boolean>>} whether a contig is virus, by its name */
export async function readTruth(path) {
  /** @type {Map<string, boolean>} */
  const truth = new Map();
  for await (const cells of rowsOf(path, ['contig', 'truth'])) {
    const word = cells('truth') ?? '';
    if (word !== 'virus' && word !== 'other') throw new Error(`Expected virus or other in ${path} but found ${word}`);
    truth.set(cells('contig') ?? '', word === 'virus');
  }
  return truth;
}

/**
 * The rows of a table, each as a function from a column's name to its cell. Skips a first line that begins with `# `.
 * @param {string} path @param {readonly string[]} needed
 * @returns {AsyncGenerator<(column: string) => string | undefined>}
 */
async function* rowsOf(path, needed) {
  /** @type {string[] | undefined} */
  let header;
  for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
    if (header === undefined) {
      if (line.startsWith('# ')) continue;
      header = line.split('\t');
      const missing = needed.filter((name) => !header?.includes(name));
      if (missing.length > 0) throw new Error(`Expected the column ${missing.join(', ')} in ${path}`);
      continue;
    }
    const cells = line.split('\t');
    const names = header;
    yield (column) => cells[names.indexOf(column)];
  }
}
