import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';

const PROGRAM = fileURLToPath(new URL('engine-process.js', import.meta.url));
const CYCLES = 10;

interface Ended {
  /** Exit code, or the signal that killed it. */
  readonly end: number | string;
  readonly output: string;
  readonly errors: string;
}

describe('the life of a worker', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  const run = (task: string, variables: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    new Promise((resolve) => {
      const words = ['--expose-gc', PROGRAM, installed.model.folder, task];
      const options = { timeout: 300_000, env: { ...process.env, ...variables } };
      execFile(process.execPath, words, options, (error, output, errors) => {
        resolve({ end: error ? (error.code ?? error.signal ?? 'unknown') : 0, output, errors });
      });
    });

  for (const [task, what] of [
    ['exitWithJobs', 'with jobs on its thread'],
    ['exitAtOnce', 'with jobs just submitted'],
    ['exitWhileOpening', 'while it loads'],
    ['exitWhileClosing', 'while it closes'],
    ['endUnclosed', 'unclosed'],
  ] as const) {
    it(`may end with its process, ${what}`, async () => {
      assert.deepEqual(await run(task), { end: 7, output: '', errors: '' });
    });
  }

  it('may be given up while it loads, and holds up nobody', async () => {
    assert.deepEqual(await run('abandonOpening'), { end: 7, output: 'VNP_DEVICE_LOST', errors: '' });
  });

  it('may be given up where its device hangs, and all who listen for the end of the process hear of it', async () => {
    assert.deepEqual(await run('exitAbandoned'), { end: 7, output: 'listened', errors: '' });
  });

  for (const [task, what] of [
    ['threadWithJobs', 'with jobs on its thread'],
    ['threadOpening', 'while it loads'],
    ['threadWriting', 'while an archive is written'],
  ] as const) {
    it(`may end with its JavaScript thread, ${what}`, async () => {
      assert.deepEqual(await run(task), { end: 0, output: 'started', errors: '' });
    });
  }

  it('may be spent in a JavaScript thread of its own', async () => {
    assert.deepEqual(await run('thread'), { end: 0, output: String(40 * 64), errors: '' });
  });

  it('computes with as many threads as it was opened with, whatever others were', async () => {
    assert.deepEqual(await run('threadsOfWorkers'), { end: 0, output: '8', errors: '' });
  });

  it('lets go of the memory of results that nobody holds', async () => {
    // glibc raises this limit as large blocks are freed, and keeps tens of MB of them. With a fixed one it keeps none.
    const { end, output, errors } = await run('results', { MALLOC_MMAP_THRESHOLD_: String(128 * 1024) });
    assert.deepEqual({ end, errors }, { end: 0, errors: '' });
    // One of the twenty.
    assert.ok(Number(output) < 12e6, `${output} bytes more`);
  });

  it('leaves what its listener throws to the process, and goes on', async () => {
    assert.deepEqual(await run('listenerThrows'), { end: 0, output: 'thrown and heard on', errors: '' });
  });

  it('ends its thread, by close as by garbage collection', async () => {
    const { end, output, errors } = await run('cycles');
    assert.deepEqual({ end, errors }, { end: 0, errors: '' });
    // The runtime's own threads come and go; a leak in every cycle would leave as many as there were cycles.
    for (const left of JSON.parse(output) as number[]) assert.ok(left < CYCLES, `${left} threads more`);
  });
});
