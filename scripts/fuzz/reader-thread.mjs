// @ts-check
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { COUNTERS } from './instrument.mjs';
import { readerTargets } from './reader-targets.mjs';
import { nextTurn, Search } from './search.mjs';

/**
 * One search, in a thread of its own so that an endless input is noticed from outside. Its progress is in shared
 * memory: the number of inputs begun, and the current input.
 *
 * @typedef {object} Order
 * @property {string} target
 * @property {string} folder of the instrumented sources
 * @property {import('./instrument.mjs').Instrumented} instrumented
 * @property {readonly string[]} corpus folders
 * @property {number} seconds to search after the corpus has run
 * @property {number} seed
 * @property {boolean} minimise
 * @property {SharedArrayBuffer} progress 8 bytes of counts, then the input
 *
 * @typedef {object} Report
 * @property {number} executions
 * @property {number} branches
 * @property {number} fromCorpus branches that the corpus takes
 * @property {number} longestMilliseconds the slowest input
 * @property {Uint8Array[]} added inputs that took new branches
 * @property {Uint8Array[] | undefined} minimised inputs that together take every branch, if asked for
 * @property {{ reason: string, input: Uint8Array } | undefined} fault
 */

const order = /** @type {Order} */ (workerData);
const counters = new Uint32Array(order.instrumented.counters);
Reflect.set(globalThis, COUNTERS, counters);
const target = (await readerTargets(order.folder, order.instrumented))[/** @type {'json'} */ (order.target)];
const counts = new Int32Array(order.progress, 0, 2);
const running = Buffer.from(order.progress, 8);
let longestMilliseconds = 0;

/** @type {import('./search.mjs').Target} */
const watched = {
  ...target,
  run: async (bytes) => {
    counts[1] = bytes.copy(running);
    Atomics.add(counts, 0, 1);
    try {
      const first = await timed(bytes);
      // A single time may include interruptions: the fastest of three is the input's own.
      if (first <= longestMilliseconds) return;
      longestMilliseconds = Math.max(longestMilliseconds, Math.min(first, await timed(bytes), await timed(bytes)));
    } catch (error) {
      throw new Fault(error, bytes);
    }
  },
};

/** @param {Buffer} bytes */
async function timed(bytes) {
  counters.fill(0);
  const start = performance.now();
  await target.run(bytes);
  return performance.now() - start;
}

class Fault extends Error {
  /** @param {unknown} cause @param {Buffer} input */
  constructor(cause, input) {
    super(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    this.input = input;
  }
}

const search = new Search(watched, counters, order.seed);
/** @type {Report} */
const report = {
  executions: 0,
  branches: 0,
  fromCorpus: 0,
  longestMilliseconds,
  added: [],
  minimised: undefined,
  fault: undefined,
};
try {
  for (const folder of order.corpus) {
    for (const name of readdirSync(folder).sort()) await search.take(readFileSync(join(folder, name)));
  }
  report.fromCorpus = search.branches;
  if (search.kept.length === 0) await search.take(Buffer.from('\0'));
  const end = performance.now() + 1000 * order.seconds;
  while (performance.now() < end) {
    for (let count = 0; count < 100; count++) {
      const input = search.next();
      if (await search.take(input)) report.added.push(input);
    }
    await nextTurn();
  }
  if (order.minimise) report.minimised = await search.minimised();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  report.fault = { reason: error.message, input: error.input };
}
parentPort?.postMessage({ ...report, executions: search.executions, branches: search.branches, longestMilliseconds });
