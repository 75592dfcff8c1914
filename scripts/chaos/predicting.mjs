// @ts-check
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { inRepository } from '../setup/repository.mjs';

/** A run that takes longer than this is taken to hang. */
const MAX_SECONDS = 240;
const LOOKING_MILLISECONDS = 2;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** Kills everything started here that still runs. */
export function killAll() {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * @typedef {object} Ended
 * @property {number | null} code
 * @property {NodeJS.Signals | null} signal that killed it
 * @property {string} errors all of standard error
 * @property {number} seconds
 */

/**
 * @typedef {object} Setting
 * @property {NodeJS.ProcessEnv} [environment] further variables
 * @property {Uint8Array | undefined} [input] for standard input; nothing by default
 * @property {boolean} [isFedLater] whether standard input waits for `feed`
 * @property {readonly string[]} [wrapper] goes before the command, such as `unshare`
 * @property {string} [before] shell lines that run first, such as `ulimit -f 8`
 */

/** A command in a process of its own. */
export class Running {
  /** @type {Promise<Ended>} never rejects */
  ended;
  isOver = false;
  errors = '';
  /** Sends it its standard input. */
  feed;
  #child;
  #isWrapped;

  /** @param {readonly string[]} args @param {Setting} [setting] */
  constructor(args, { environment = {}, input, isFedLater = false, wrapper = [], before } = {}) {
    const start = performance.now();
    const command = [...wrapper, process.execPath, inRepository('bin', 'virnucpro.js'), ...args];
    const prepared = ['bash', '-c', `${before} || exit; exec "$@"`, 'bash', ...command];
    const [program = '', ...rest] = before === undefined ? command : prepared;
    const child = spawn(program, rest, { env: { ...process.env, ...environment }, stdio: ['pipe', 'ignore', 'pipe'] });
    this.#child = child;
    this.#isWrapped = wrapper.length > 0;
    running.add(child);
    child.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
    // A killed process does not read to the end.
    child.stdin.on('error', () => undefined);
    this.feed = () => child.stdin.end(input);
    if (!isFedLater) this.feed();
    const limit = setTimeout(() => child.kill('SIGKILL'), MAX_SECONDS * 1000);
    this.ended = new Promise((resolve) => {
      /** @param {number | null} code @param {NodeJS.Signals | null} signal */
      const end = (code, signal) => {
        clearTimeout(limit);
        running.delete(child);
        this.isOver = true;
        resolve({ code, signal, errors: this.errors, seconds: (performance.now() - start) / 1000 });
      };
      child.on('error', (error) => {
        this.errors += error.message;
        end(null, null);
      });
      child.on('close', end);
    });
  }

  /** @param {NodeJS.Signals} signal */
  send(signal) {
    if (this.#isWrapped && !this.isOver) process.kill(innermost(Number(this.#child.pid)), signal);
    else this.#child.kill(signal);
  }

  /**
   * Waits for a moment of the run, or for its end.
   * @param {() => boolean} isReached @returns {Promise<boolean>} whether it still runs
   */
  async until(isReached) {
    while (!this.isOver && !isReached()) await sleep(LOOKING_MILLISECONDS);
    return !this.isOver;
  }
}

/** The run itself inside its wrapper: the end of a chain of only children. @param {number} pid @returns {number} */
function innermost(pid) {
  const path = `/proc/${pid}/task/${pid}/children`;
  const [child] = existsSync(path) ? readFileSync(path, 'utf8').split(' ').filter(Boolean) : [];
  return child === undefined ? pid : innermost(Number(child));
}

/** Bytes of a run's journal; 0 if there is none. @param {string} directory */
export function journalBytes(directory) {
  return statSync(join(directory, '.journal'), { throwIfNoEntry: false })?.size ?? 0;
}

/** How a command ended and its last messages. @param {Ended} ended */
export function describeEnd({ code, signal, errors }) {
  const lines = errors.trim().split('\n');
  const texts = lines.map((line) => (line.startsWith('{') ? String(JSON.parse(line).msg) : line));
  return `exit ${code ?? signal}: ${texts.slice(-3).join(' / ').slice(0, 600)}`;
}
