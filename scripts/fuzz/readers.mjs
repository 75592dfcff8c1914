// @ts-check
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { inRepository } from '../setup/repository.mjs';
import { instrument } from './instrument.mjs';
import { isReaderSource, READER_SOURCES } from './reader-targets.mjs';

/** Milliseconds: no input of a few thousand bytes takes a thousandth of this, however busy the machine is. */
const HANGS_AFTER = 60_000;
const MAX_INPUT_BYTES = 1 << 20;

/**
 * Searches with one of the readers' targets.
 * @param {string} target
 * @param {{ seconds: number, seed: number, minimise: boolean, corpus: readonly string[] }} options
 * @returns {Promise<import('./reader-thread.mjs').Report>}
 */
export function fuzzReader(target, { seconds, seed, minimise, corpus }) {
  mkdirSync(inRepository('build', 'fuzz'), { recursive: true });
  const folder = mkdtempSync(inRepository('build', 'fuzz', 'readers-'));
  const instrumented = instrument(folder, READER_SOURCES, isReaderSource);
  const progress = new SharedArrayBuffer(8 + MAX_INPUT_BYTES);
  /** @type {import('./reader-thread.mjs').Order} */
  const order = { target, folder, instrumented, corpus: corpus.filter(existsSync), seconds, seed, minimise, progress };
  const worker = new Worker(new URL('reader-thread.mjs', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  const counts = new Int32Array(progress, 0, 2);
  return new Promise((resolve, reject) => {
    let before = 0;
    const watch = setInterval(() => {
      const now = Atomics.load(counts, 0);
      if (now === before && now > 0) give('it did not end');
      before = now;
    }, HANGS_AFTER);
    /** Reports the current input as the fault. @param {string} reason */
    const give = (reason) => {
      const input = new Uint8Array(progress.slice(8, 8 + (counts[1] ?? 0)));
      const none = { branches: 0, fromCorpus: 0, longestMilliseconds: 0, added: [], minimised: undefined };
      end(() => resolve({ executions: before, ...none, fault: { reason, input } }));
    };
    /** @param {() => void} settle */
    const end = (settle) => {
      clearInterval(watch);
      void worker.terminate().then(() => {
        rmSync(folder, { recursive: true, force: true });
        settle();
      });
    };
    worker.on('message', (report) => end(() => resolve(report)));
    worker.on('error', (error) => {
      if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') give('it took more than 1 GiB of memory');
      else end(() => reject(error));
    });
  });
}
