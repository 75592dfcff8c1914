// @ts-check
import { readFileSync } from 'node:fs';

/** Linux counts CPU time in these, whatever its own clock is. */
const TICKS_A_SECOND = 100;

/**
 * What else the machine did while something was measured: a library whose threads wait for each other suffers much more
 * from it than its share of the time.
 * @template T
 * @param {() => Promise<T>} action whose work is done in child processes that it waits for
 * @returns {Promise<{ result: T, othersCores: number }>} cores that all other processes used meanwhile, on average
 */
export async function withOtherLoad(action) {
  const before = seconds();
  const start = performance.now();
  const result = await action();
  const elapsed = (performance.now() - start) / 1000;
  const after = seconds();
  const others = after.machine - before.machine - (after.own - before.own);
  return { result, othersCores: Math.max(0, others / elapsed) };
}

/** CPU time so far, of the machine and of this process with the children that it has waited for. */
function seconds() {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  // user, nice, system, idle, iowait, irq, softirq, steal; stolen time is lost to everyone here.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  // Its name, in parentheses, may hold spaces; the fields after it begin with the third.
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0);
  return { machine: (user + nice + system + irq + softirq + steal) / TICKS_A_SECOND, own: own / TICKS_A_SECOND };
}
