/**
 * A made-up run on the dashboard, for the tests with a real terminal. Arguments: a file for the process id, the number
 * of devices, and the behaviour of the run:
 *   polite    ends with a summary when asked to quit
 *   deaf      goes on, whatever it is asked
 *   listening like deaf, but listens to SIGINT once, as `predict` does
 *   throws    throws an uncaught exception when asked to quit
 *   rejects   leaves a rejected promise when asked to quit
 *   exits     calls process.exit(3) when asked to quit
 *   broken    like deaf, and fails to report its status once it was asked to pause
 *   breaking  like broken, but only after the screen that follows the key was drawn
 *   warned    like polite, after a dozen warnings
 *   noisy     like polite, after it wrote to every place that does not belong to the dashboard
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDashboard } from '../../lib/monitor/dashboard.js';
import { wantsDashboard } from '../../lib/monitor/terminal.js';
import { status, workers } from './statuses.js';

const [pidFile, devices, behaviour] = process.argv.slice(2) as [string, string, string];
const start = performance.now();
let isPaused = false;
let isBroken = false;

const quits: Record<string, () => void> = {
  throws: () => {
    throw new Error('made to fail');
  },
  rejects: () => void Promise.reject(new Error('made to reject')),
  exits: () => process.exit(3),
  deaf: () => dashboard.log('asked to quit'),
  listening: () => process.kill(process.pid, 'SIGINT'),
};

if (!wantsDashboard(process)) throw new Error('Expected a terminal');
if (behaviour === 'listening') {
  process.once('SIGINT', () => {
    dashboard.log('told by SIGINT');
    dashboard.showStopping();
  });
}
const dashboard = openDashboard({
  title: 'a made-up run',
  status: () => {
    const seconds = (performance.now() - start) / 1000;
    if (isBroken) throw new Error('made to break');
    const done = {
      frames: 1000 + Math.floor(100 * seconds),
      tokens: Math.floor(20_000 * seconds),
      busySeconds: 0.6 * seconds,
    };
    const all = workers(Number(devices)).map((one) => ({ ...one, ...done, batches: Math.floor(10 * seconds) }));
    return status({ seconds, isPaused, frames: done.frames, framesFound: done.frames + 100, workers: all });
  },
  onQuit: quits[behaviour] ?? (() => void end()),
  onTogglePause: () => {
    if (behaviour === 'broken') isBroken = true;
    if (behaviour === 'breaking') setImmediate(() => (isBroken = true));
    isPaused = !isPaused;
    dashboard.log(isPaused ? 'paused' : 'resumed');
  },
});
dashboard.log('the run has begun');
if (behaviour === 'warned') for (let line = 1; line <= 12; line++) dashboard.log(`warning ${line}`, 'warn');
if (behaviour === 'noisy') {
  console.log('from console.log');
  console.error('from console.error');
  process.stderr.write('in two ');
  process.stderr.write(Buffer.from('parts\n'));
  process.emitWarning('from Node itself');
  dashboard.log('>contig\x1b[2J\x1b[31m with\tcodes, 病毒 and e\u0301|');
}

async function end(): Promise<void> {
  await sleep(100);
  dashboard.close('the summary\nof two lines');
  console.log('after the dashboard');
  process.exit(0);
}

// Renamed into place, so that a waiting reader sees the whole file at once.
writeFileSync(`${pidFile}.part`, String(process.pid));
renameSync(`${pidFile}.part`, pidFile);
setInterval(() => isBroken && dashboard.log('at work'), 1000);
