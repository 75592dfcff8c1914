// @ts-check
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SetupFailure } from '../setup/failure.mjs';
import { chaosContigs } from './contigs.mjs';
import { framesIn, journalRecords } from './journal-file.mjs';
import { NotSurvived } from './not-survived.mjs';
import { journalBytes, describeEnd, Running } from './predicting.mjs';
import { difference, manifestIn, resultsIn, wrongFiles } from './results.mjs';

/** @typedef {import('./predicting.mjs').Setting} Setting */
/** @typedef {import('./predicting.mjs').Ended} Ended */

/** The laboratory's models: the one of every run, and one of the same shape with other weights. */
export const MODEL = 'chaos';
export const OTHER_MODEL = 'other';

/** One thread, FP32 and small batches: many records in the journal, and the same last digits every time. */
const ARGS = ['--device', 'cpu', '--threads', '1', '--precision', 'fp32', '--log-format', 'json'];
export const BATCH_TOKENS = 1200;
/** Leaves some windows sure and others not: with these weights, scores are near 0 and 1. */
const TRIAGE_RULE = ['--triage-others-below', '0.002', '--triage-virus-at-least', '0.999999'];
/** Records of the input that is killed at every call: so few that its run is mostly loading. */
const FEW = 6;

/**
 * What is predicted, and how.
 * @typedef {object} Subject
 * @property {string} input as the command line names it
 * @property {Uint8Array} [standardInput]
 * @property {readonly string[]} args besides those that every run has
 */

/**
 * An undisturbed run.
 * @typedef {object} Undisturbed
 * @property {import('./results.mjs').Results} results
 * @property {any} counts of its run.json
 * @property {Record<string, string>} versions of its run.json
 * @property {number} batches
 * @property {number} framesComputed by all workers, so twice for frames that triage passed on
 * @property {number} journalBytes when the journal was complete
 * @property {Record<string, number>} fileBytes of the result files
 * @property {number} seconds in total
 * @property {number} untilFirst seconds until the first batch was in the journal
 * @property {number} afterLast seconds between the last batch and the end
 */

/**
 * Frames that a resumed run found in the journal, and those of them that it computed again nevertheless.
 * @typedef {{ journaled: number, again: number }} Tally
 */

/** A temporary folder with a model, contigs, and the results that all others are compared with. */
export class Laboratory {
  folder;
  /** @type {Record<'plain' | 'few' | 'everything' | 'triage' | 'standardInput' | 'gzip', Subject>} */
  subjects;
  #models;
  #directories = 0;
  #directory = '';
  #journalBefore;
  /** @type {Map<Subject, Promise<Undisturbed>>} */
  #undisturbed = new Map();

  /** @param {{ contigs: number }} options number of records */
  constructor({ contigs }) {
    this.folder = mkdtempSync(join(tmpdir(), 'virnucpro-chaos-'));
    this.#models = join(this.folder, 'models');
    this.#journalBefore = join(this.folder, 'journal-before');
    const text = chaosContigs(contigs);
    const input = this.#file('contigs.fa', text);
    const few = this.#file(
      'few.fa',
      text
        .split('>')
        .slice(0, FEW + 1)
        .join('>'),
    );
    this.subjects = {
      plain: { input, args: [] },
      few: { input: few, args: [] },
      everything: { input, args: ['--save-embeddings', '--keep-intermediate'] },
      triage: { input, args: ['--triage', OTHER_MODEL, ...TRIAGE_RULE] },
      standardInput: { input: '-', standardInput: readFileSync(input), args: [] },
      gzip: { input: this.#file('contigs.fa.gz', gzipSync(text)), args: [] },
    };
  }

  /** Makes the models. */
  async prepare() {
    for (const [index, name] of [MODEL, OTHER_MODEL].entries()) {
      const sizes = ['--esm', 'esm2_tiny', '--dna', 'dnabert_tiny', '--dtype', 'float32', '--seed', String(index + 1)];
      const making = new Running(['models', 'random', '--name', name, ...sizes], this.#setting({}));
      const ended = await making.ended;
      if (ended.code !== 0) throw new SetupFailure(`The model for the chaos cannot be made: ${describeEnd(ended)}`);
    }
  }

  close() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The path of a directory that does not exist yet. */
  newDirectory() {
    return (this.#directory = join(this.folder, `out-${++this.#directories}`));
  }

  /**
   * Starts a run.
   * @param {Subject} subject @param {string} directory @param {readonly string[]} [more] args @param {Setting} [setting]
   */
  begin({ input, standardInput, args }, directory, more = [], setting = {}) {
    const own = ['--model', MODEL, '--esm-batch-size', String(BATCH_TOKENS)].filter(
      // Leaves out each default for which `more` gives another value.
      (word, index, all) => !more.includes(index % 2 === 0 ? word : (all[index - 1] ?? '')),
    );
    const command = ['predict', input, '-o', directory, ...own, ...ARGS, ...args, ...more];
    return new Running(command, this.#setting({ input: standardInput, ...setting }));
  }

  /** The run that others are compared with, run once. @param {Subject} subject @returns {Promise<Undisturbed>} */
  undisturbed(subject) {
    const known = this.#undisturbed.get(subject) ?? this.#runUndisturbed(subject);
    this.#undisturbed.set(subject, known);
    return known;
  }

  /**
   * Resumes a run and compares its results with the undisturbed ones.
   * @param {Subject} subject @param {string} directory
   * @param {{ frames?: number }} [expected] frames that need not be computed again; by default those of the journal
   * @returns {Promise<Tally>}
   */
  async resume(subject, directory, { frames = framesIn(journalRecords(directory)) } = {}) {
    if (journalBytes(directory) > 0) copyFileSync(join(directory, '.journal'), this.#journalBefore);
    const before = manifestIn(directory);
    const ended = await this.begin(subject, directory, ['--resume']).ended;
    if (ended.code !== 0) throw new NotSurvived(`resumed, ${describeEnd(ended)}`);
    await this.check(subject, directory);
    const { framesComputed } = await this.undisturbed(subject);
    const { started, devices } = manifestIn(directory);
    // The run was already complete, and was left alone.
    if (started === before?.started) return { journaled: 0, again: 0 };
    const taken = framesComputed - computedBy(devices);
    if (taken === frames) return { journaled: frames, again: 0 };
    throw new NotSurvived(`${frames} frames were journaled, but ${taken} taken from the journal`);
  }

  /** Compares complete results with the undisturbed ones. @param {Subject} subject @param {string} directory */
  async check(subject, directory) {
    const { results, counts } = await this.undisturbed(subject);
    const found = manifestIn(directory);
    if (found?.outcome !== 'complete') throw new NotSurvived(`the outcome is ${found?.outcome ?? 'no run.json'}`);
    const different = difference(results, resultsIn(directory));
    if (different !== '') throw new NotSurvived(different);
    if (wrongFiles(directory).length > 0) throw new NotSurvived(`run.json is not of ${wrongFiles(directory).join()}`);
    if (JSON.stringify(found.counts) !== JSON.stringify(counts)) throw new NotSurvived('the counts differ');
  }

  /** Keeps the evidence of a trial that went wrong. @param {string} target */
  keepEvidence(target) {
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    if (existsSync(this.#directory)) cpSync(this.#directory, join(target, 'output'), { recursive: true });
    if (existsSync(this.#journalBefore)) copyFileSync(this.#journalBefore, join(target, 'journal-before'));
  }

  /** Removes what a trial left behind. */
  tidy() {
    rmSync(this.#directory, { recursive: true, force: true });
    rmSync(this.#journalBefore, { force: true });
  }

  /** @param {Subject} subject @returns {Promise<Undisturbed>} */
  async #runUndisturbed(subject) {
    const directory = this.newDirectory();
    const start = performance.now();
    const run = this.begin(subject, directory);
    let [bytes, first, last] = [0, 0, 0];
    await run.until(() => {
      const now = journalBytes(directory);
      if (now > bytes) last = performance.now();
      // The first bytes are the keys, which come before any batch.
      if (now > bytes && bytes > 0) first ||= performance.now();
      bytes = Math.max(bytes, now);
      return false;
    });
    const ended = await run.ended;
    if (ended.code !== 0) throw new SetupFailure(`A run that nothing disturbs fails: ${describeEnd(ended)}`);
    const { counts, devices, files, versions } = manifestIn(directory);
    const fileBytes = Object.fromEntries(
      files.map((/** @type {{ name: string, bytes: number }} */ { name, bytes: size }) => [name, size]),
    );
    const [untilFirst, afterLast] = [(first - start) / 1000, (performance.now() - last) / 1000];
    const { batches } = devices[0];
    return {
      results: resultsIn(directory),
      fileBytes,
      versions,
      counts,
      batches,
      framesComputed: computedBy(devices),
      journalBytes: bytes,
      seconds: ended.seconds,
      untilFirst,
      afterLast,
    };
  }

  /** @param {Setting} setting @returns {Setting} */
  #setting({ environment, ...others }) {
    return { ...others, environment: { VIRNUCPRO_MODELS: this.#models, TMPDIR: this.folder, ...environment } };
  }

  /** @param {string} name @param {string | Uint8Array} content */
  #file(name, content) {
    mkdirSync(this.folder, { recursive: true });
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }
}

/** @param {readonly { frames: number }[]} devices of a run.json */
function computedBy(devices) {
  return devices.reduce((sum, { frames }) => sum + frames, 0);
}
