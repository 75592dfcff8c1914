// @ts-check
import { spawn } from 'node:child_process';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../dist/lib/diagnosis/child-process.js';

const program = fileURLToPath(new URL('../../bin/virnucpro.js', import.meta.url));
const nativeChild = fileURLToPath(new URL('native-child.mjs', import.meta.url));

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

let isOver = false;

/** Kills all children, e.g. one that makes a model for a skipped step; none can be started any more. */
export function endChildren() {
  isOver = true;
  for (const child of running) child.kill('SIGKILL');
}

/** @typedef {{ event?: string, [field: string]: any }} LoggedEvent as lib/monitor/event-schema.ts describes them */
/**
 * @typedef {{ code: number | null, stdout: string, stderr: string, timedOut: boolean }} Ended
 */

/**
 * When a command gets the signal of Ctrl-C: `after` seconds from when its standard error shows `once`.
 * @typedef {{ once: RegExp, after: number }} Interrupt
 */

/**
 * Runs the command line like a user, in a process of its own. Never rejects.
 * @param {readonly string[]} words
 * @param {{ seconds: number, environment?: NodeJS.ProcessEnv, interrupt?: Interrupt }} options @returns {Promise<Ended>}
 */
export function runVirnucpro(words, { seconds, environment = {}, interrupt }) {
  if (isOver) return Promise.resolve({ code: null, stdout: '', stderr: 'the check is over', timedOut: false });
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...words], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let [stdout, stderr, timedOut] = ['', '', false];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let politely;
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      if (!interrupt || politely || !interrupt.once.test(stderr)) return;
      politely = setTimeout(() => child.kill('SIGINT'), interrupt.after * 1000);
    });
    const limit = setTimeout(() => (timedOut = child.kill('SIGKILL')), seconds * 1000);
    /** @param {number | null} code */
    const end = (code) => {
      clearTimeout(limit);
      clearTimeout(politely);
      running.delete(child);
      resolve({ code, stdout, stderr, timedOut });
    };
    child.on('error', (error) => {
      stderr += error.message;
      end(null);
    });
    child.on('close', end);
  });
}

/** The events of a JSON log. @param {string} stderr @returns {LoggedEvent[]} */
export function eventsIn(stderr) {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line));
}

/** How a command ended and its last message. @param {Ended} ended */
export function describeEnd({ code, stderr, timedOut }) {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const line = last.startsWith('{') ? String(eventsIn(last)[0]?.['msg'] ?? last) : last;
  return `${timedOut ? 'the time was over' : `exit code ${code}`}${line && `: ${line.slice(0, 300)}`}`;
}

/**
 * Runs a task of native-child.mjs in a process of its own, so that a crash or hang of native code does not end this
 * one. Rejects if there is no answer.
 * @param {string} task @param {unknown} request @param {number} seconds @returns {Promise<any>}
 */
export async function runNative(task, request, seconds) {
  const { messages, problem, stderr } = await runChild(
    nativeChild,
    [task, JSON.stringify(request)],
    Math.ceil(seconds),
  );
  const answer = /** @type {{ result?: unknown, error?: string } | undefined} */ (messages[0]);
  if (answer?.error !== undefined) throw new Error(answer.error);
  if (!answer || problem !== undefined) {
    throw new Error([`the child process ${problem ?? 'sent no answer'}`, ...stderr].join('; '));
  }
  return answer.result;
}
