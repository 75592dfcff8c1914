// @ts-check
import { clearTimeout, setTimeout } from 'node:timers';

/**
 * @typedef {object} Context
 * @property {string} device the one that is checked: `cuda:0`, `cpu`
 * @property {readonly string[]} gpus ids of all CUDA devices that can be used
 * @property {boolean} quick
 * @property {string} folder for whatever a step writes
 * @property {import('./models.mjs').Models} models
 */

/**
 * One thing that has to hold. `required: false`: a figure beside it, such as an aim beyond the bar.
 * @typedef {{ what: string, found: string, met: boolean }} Check
 * @typedef {{ checks: Check[], figures?: Record<string, unknown>, skipped?: string[] }} Outcome
 * skipped: parts that this machine cannot show, with the reason
 */

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {number} seconds at most; less where the check's own time is nearly over
 * @property {boolean} [needsCuda]
 * @property {(context: Context, seconds: number) => Promise<Outcome>} run rejects when something is broken
 */

/**
 * `late` and `broken` have no figures to judge by; `skipped` is no loss: it was not asked for on this kind of device.
 * @typedef {{ name: string, status: 'met' | 'not met' | 'broken' | 'late' | 'skipped', seconds: number,
 *   reason?: string, checks: Check[], skipped: string[], figures: Record<string, unknown> }} StepResult
 */

/** Of a check with --quick, whose models are too small for any device to be fast with. */
export const UNJUDGED = 'the bar for the speed: a quick check measures it and does not judge it';

/** In less than this nothing can be measured. */
const MIN_SECONDS = 10;

/**
 * One after another, each within its time; none keeps the next from running.
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
    // What checked nothing must not pass for a check.
    const status = checks.length === 0 ? 'skipped' : verdict;
    return { name, status, seconds: since(), checks, skipped, figures };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...nothing, status: 'broken', seconds: since(), reason };
  }
}

/**
 * What was begun beside the steps and may take longer than one of them has.
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
