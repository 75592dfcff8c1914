// @ts-check
import { readFileSync } from 'node:fs';

/** The unit in which Linux counts CPU time, independent of its own clock. */
const TICKS_A_SECOND = 100;

/** Cores that others may use on average, and how often a measurement is tried while they use more. */
const QUIET = { cores: 0.2, tries: 4 };

/**
 * Repeats a measurement that other processes disturb, and keeps the least disturbed attempt: libraries whose threads
 * wait for each other lose much more to other processes than the CPU time that those take.
 * @template T
 * @param {() => Promise<T>} action whose work is done in child processes that it waits for
 * @returns {Promise<{ result: T, othersCores: number }>} cores that all other processes used meanwhile, on average
 */
export async function measuredQuietly(action) {
  let best = await withOtherLoad(action);
  for (let attempt = 1; attempt < QUIET.tries && best.othersCores > QUIET.cores; attempt++) {
    console.error(`repeated: others used ${best.othersCores.toFixed(2)} cores meanwhile`);
    const next = await withOtherLoad(action);
    if (next.othersCores < best.othersCores) best = next;
  }
  return best;
}

/** One measurement, with what others used. @template T @param {() => Promise<T>} action @returns {Promise<{ result: T, othersCores: number }>} */
export async function withOtherLoad(action) {
  const before = seconds();
  const start = performance.now();
  const result = await action();
  const elapsed = (performance.now() - start) / 1000;
  const after = seconds();
  const others = after.machine - before.machine - (after.own - before.own);
  return { result, othersCores: Math.max(0, others / elapsed) };
}

/** CPU seconds so far, of the machine and of this process with the children that it has waited for. */
function seconds() {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  // user, nice, system, idle, iowait, irq, softirq, steal; stolen time is lost to everyone here.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  // The name, in parentheses, may contain spaces; the fields after it begin with the third.
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0);
  return { machine: (user + nice + system + irq + softirq + steal) / TICKS_A_SECOND, own: own / TICKS_A_SECOND };
}
