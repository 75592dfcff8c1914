// @ts-check
import { clearTimeout, setTimeout } from 'node:timers';

/**
 * @typedef {object} Context
 * @property {string} device the device under test: `cuda:0`, `cpu`
 * @property {readonly string[]} gpus ids of all CUDA devices that can be used
 * @property {boolean} quick
 * @property {string} folder for whatever a step writes
 * @property {import('./models.mjs').Models} models
 */

/**
 * One condition that has to hold.
 * @typedef {{ what: string, found: string, met: boolean }} Check
 * @typedef {{ checks: Check[], figures?: Record<string, unknown>, skipped?: string[] }} Outcome
 * skipped: parts that this machine cannot show, with the reasons
 */

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {number} seconds at most; less if the whole check has less time left
 * @property {boolean} [needsCuda]
 * @property {(context: Context, seconds: number) => Promise<Outcome>} run rejects when something is broken
 */

/**
 * `late` and `broken` have no figures to judge by; `skipped` is no failure: the step does not apply to this device.
 * @typedef {{ name: string, status: 'met' | 'not met' | 'broken' | 'late' | 'skipped', seconds: number,
 *   reason?: string, checks: Check[], skipped: string[], figures: Record<string, unknown> }} StepResult
 */

/** For a check with --quick: its models are too small to be fast on any device. */
export const UNJUDGED = 'the bar for the speed: a quick check measures it and does not judge it';

/** Nothing can be measured in less than this. */
const MIN_SECONDS = 10;

/**
 * Runs the steps one after another, each within its time; a failing step does not stop the next.
 * @param {readonly Step[]} steps @param {Context} context
 * @param {number} deadline by performance.now(), in seconds
 * @param {(result: StepResult) => void} onResult
 */
export async function runSteps(steps, context, deadline, onResult) {
  for (const step of steps) onResult(await runStep(step, context, deadline - performance.now() / 1000));
}

/** @param {Step} step @param {Context} context @param {number} left @returns {Promise<StepResult>} */
async function runStep({ name, seconds, needsCuda = false, run }, context, left) {
  const nothing = { name, seconds: 0, checks: [], skipped: [], figures: {} };
  if (needsCuda && context.device === 'cpu')
    return { ...nothing, status: 'skipped', reason: 'skipped: no CUDA device' };
  if (left < MIN_SECONDS) return { ...nothing, status: 'late', reason: 'skipped: the time of the whole check is over' };
  const start = performance.now();
  const since = () => (performance.now() - start) / 1000;
  try {
    const { checks, figures = {}, skipped = [] } = await run(context, Math.min(seconds, left));
    const verdict = checks.every(({ met }) => met) ? 'met' : 'not met';
    // A step that checked nothing must not count as met.
    const status = checks.length === 0 ? 'skipped' : verdict;
    return { name, status, seconds: since(), checks, skipped, figures };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...nothing, status: 'broken', seconds: since(), reason };
  }
}

/**
 * Waits for something begun beside the steps, which may take longer than a step's time.
 * @template T @param {Promise<T>} begun @param {string} what @param {number} seconds @returns {Promise<T>}
 */
export async function within(begun, what, seconds) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} was not there within ${seconds.toFixed(0)} s`)), seconds * 1000);
  });
  try {
    return /** @type {T} */ (await Promise.race([begun, late]));
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} what @param {boolean} met @param {string} found @returns {Check} */
export function checked(what, met, found) {
  return { what, met, found };
}
