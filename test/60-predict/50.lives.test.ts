import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { execFileSync, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { open } from '../../lib/index.js';
import type { OpenOptions, Predictor } from '../../lib/index.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const ENDED = fileURLToPath(new URL('ended-process.js', import.meta.url));
const PAUSED = fileURLToPath(new URL('paused-process.js', import.meta.url));
const PROGRAM = new URL('predictor-thread.js', import.meta.url);

describe('predictors', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  const openGolden = (options: OpenOptions = {}): Promise<Predictor> =>
    open({ model: 'golden', models: installed.models, precision: 'fp32', devices: 'cpu', threads: 2, ...options });
  const threads = (): number => readdirSync('/proc/self/task').length;

  async function scoresOf(predictor: Predictor): Promise<number[]> {
    const scores: number[] = [];
    for await (const result of predictor.predict(INPUT)) {
      if (result.kind === 'window') scores.push(...result.frames.map(({ virus }) => virus));
    }
    return scores;
  }

  async function inThread(runs: number): Promise<number[][]> {
    const worker = new Worker(PROGRAM, { workerData: { models: installed.models, input: INPUT, runs } });
    const all: number[][] = [];
    worker.on('message', (scores: number[]) => all.push(scores));
    const [code] = (await once(worker, 'exit')) as [number];
    assert.equal(code, 0);
    return all;
  }

  it('leave no thread behind when they are closed, in the middle of a run or after it was ended', async () => {
    await (await openGolden({ workers: 4 })).close();
    const before = threads();
    for (const end of ['close', 'abort', 'break', 'error'] as const) {
      const predictor = await openGolden({ workers: 4, proteinBatchTokens: 1, dnaBatchTokens: 1 });
      assert.ok(threads() > before);
      const enough = new AbortController();
      const prediction = predictor.predict(INPUT, { signal: enough.signal });
      const run = (async () => {
        for await (const _ of prediction) {
          if (end === 'break') break;
          if (end === 'error') throw new Error('of the caller');
          if (end === 'close') void predictor.close();
          else enough.abort();
        }
      })();
      await run.catch((error: unknown) => assert.notEqual(end, 'break', String(error)));
      await predictor.close();
      // The kernel still lists a thread for a moment after its end.
      for (let wait = 0; wait < 100 && threads() > before; wait++) await new Promise((done) => setTimeout(done, 20));
      assert.ok(threads() <= before, `${threads()} threads after ${end}, ${before} before`);
    }
  });

  it('give the same in threads of their own, beside each other and beside one here', async () => {
    // As many threads per worker as there: without AVX-512 the last digits depend on it.
    const predictor = await openGolden({ workers: 2 });
    const expected = await scoresOf(predictor);
    const [here, ...there] = await Promise.all([scoresOf(predictor), inThread(2), inThread(3)]);
    assert.deepEqual(here, expected);
    assert.deepEqual(there.flat(), new Array(5).fill(expected));
    await predictor.close();
  });

  it('end with their thread, whatever they do', async () => {
    const worker = new Worker(PROGRAM, { workerData: { models: installed.models, input: INPUT, runs: 1000 } });
    await once(worker, 'message');
    await worker.terminate();
    const predictor = await openGolden();
    assert.ok((await scoresOf(predictor)).length > 0);
    await predictor.close();
  });

  for (const [way, results] of [
    ['resumed', /^[1-9]\d+\n$/],
    ['left', /^1\n$/],
    ['never begun', /^$/],
  ] as const) {
    it(`that are paused keep their process as long as a run goes on, and no longer: ${way}`, () => {
      const words = [PAUSED, installed.models, INPUT, way];
      assert.match(execFileSync(process.execPath, words, { encoding: 'utf8', timeout: 30_000 }), results);
    });
  }

  describe('that are given up', () => {
    let folder: string;
    let pipe: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'virnucpro-lives-'));
      pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
    });
    after(() => rmSync(folder, { recursive: true }));

    function end(way: string, input: string, how: 'itself' | 'exit'): void {
      // Standard input has an idle writer.
      const standardInput = input === '-' ? openSync(pipe, constants.O_RDWR) : 'ignore';
      const words = [ENDED, installed.models, input, way, how];
      const stdio = [standardInput, 'pipe', 'inherit'] as const;
      const { status, stdout } = spawnSync(process.execPath, words, {
        encoding: 'utf8',
        stdio: [...stdio],
        timeout: 30_000,
      });
      if (typeof standardInput === 'number') closeSync(standardInput);
      assert.deepEqual([status, stdout], [how === 'exit' ? 5 : 0, ANSWERS[way]]);
    }
    const ANSWERS: Record<string, string> = {
      abort: 'enough\n',
      close: 'VNP_CLOSED\n',
      loading: 'enough\n',
    };

    for (const how of ['itself', 'exit'] as const) {
      const words = how === 'exit' ? 'let their process exit' : 'let their process end by itself';
      it(`while they wait for a pipe or standard input ${words}`, () => {
        end('abort', pipe, how);
        end('close', pipe, how);
        end('abort', '-', how);
      });

      it(`while they are loaded ${words}`, () => end('loading', INPUT, how));
    }
  });
});
