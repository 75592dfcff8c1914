import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Esm2Architecture, NativeWorker, OpenRequest } from '../../lib/engine/addon.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { meansOf } from '../golden-model.js';
import type { Growths } from './shared-weights-process.js';
import { randomBatch } from './token-sequences.js';

const PROGRAM = fileURLToPath(new URL('shared-weights-process.js', import.meta.url));

/** 63 MB in float32: far more than the runtime's own memory varies by. */
const architecture: Esm2Architecture = {
  family: 'esm2',
  layers: 5,
  width: 512,
  heads: 8,
  feedForward: 2048,
  vocabulary: 33,
};
const BATCH = randomBatch('protein', [30, 7]);

describe('the weights of CPU workers', () => {
  const { addon } = loadAddon();
  let folder: string;
  let path: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-shared-'));
    path = join(folder, 'protein.pt');
    await write(path, 1);
  });
  after(() => rmSync(folder, { recursive: true }));

  async function write(to: string, seed: number): Promise<void> {
    const parameters = randomParameters(architecture, seed);
    await addon.writeArchive({ path: to, architecture, dtype: 'float32', parameters, extraFiles: {} });
  }

  const request = (): OpenRequest => ({
    ...{ device: 'cpu', precision: 'fp32', threads: 1, engine: 'packed' },
    protein: { path, architecture },
  });
  const open = (options: Partial<OpenRequest> = {}): Promise<NativeWorker> =>
    addon.openWorker({ ...request(), ...options });
  const meanOf = (worker: NativeWorker) => meansOf(worker, 'protein', BATCH, architecture.layers);
  const close = (workers: readonly NativeWorker[]) => Promise.all(workers.map((worker) => worker.close()));

  it('are in memory once, and until the last of the workers is closed', async () => {
    const words = ['--expose-gc', PROGRAM, JSON.stringify(request())];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    const { weightBytes: weights, ...grown } = JSON.parse(stdout) as Growths;
    assert.ok(grown.first > 0.8 * weights, stdout);
    assert.ok(grown.more < 0.3 * weights, stdout);
    assert.ok(grown.kept > 0.8 * weights, stdout);
    assert.ok(grown.last < -0.7 * weights, stdout);
    // If each of the workers that open at the same time read them, it would be three times as much.
    assert.ok(grown.together < 1.8 * weights, stdout);
  });

  it('give the same numbers whoever opened first, and after the others are closed', async () => {
    const first = await open();
    const others = await Promise.all([open(), open(), open({ threads: 2 })]);
    const mean = await meanOf(first);
    for (const worker of others) assert.deepEqual(await meanOf(worker), mean);
    const [last, ...rest] = others;
    await close([first, ...rest]);
    assert.deepEqual(await meanOf(last), mean);
    await last.close();
  });

  it('are not shared with another precision, nor with the torchscript engine', async () => {
    const first = await open();
    const [reference, rounded] = [await open({ engine: 'torchscript' }), await open({ precision: 'bf16' })];
    const mean = await meanOf(first);
    assert.equal(reference.weightBytes, first.weightBytes);
    assert.ok(rounded.weightBytes < 0.6 * first.weightBytes);
    for (const other of [await meanOf(reference), await meanOf(rounded)]) {
      const largest = Math.max(...other.map((value, index) => Math.abs(value - mean[index]!)));
      assert.ok(largest < 0.1, `off by ${largest}`);
    }
    await close([first, reference, rounded]);
  });

  it('are those of the file that is there: one that was replaced is read anew', async () => {
    const before = await open();
    const mean = await meanOf(before);
    const other = join(folder, 'other.pt');
    await write(other, 2);
    renameSync(other, path);
    const after = await open();
    assert.notDeepEqual(await meanOf(after), mean);
    assert.deepEqual(await meanOf(before), mean);
    await close([before, after]);
  });

  it('are loaded by the next who waits for them, where the one that loads them is ended', async () => {
    const ended = new AbortController();
    const [first, ...others] = [open({ signal: ended.signal }), open(), open()];
    ended.abort();
    const [outcome, ...opened] = await Promise.allSettled([first, ...others]);
    // It may have opened already.
    if (outcome.status === 'fulfilled') await outcome.value.close();
    else assert.equal((outcome.reason as { code: string }).code, 'VNP_ABORTED');
    for (const one of opened) assert.equal(one.status, 'fulfilled');
    await close(await Promise.all(others));
  });

  it('that cannot be read fail for all who wait for them, and for nobody once they are mended', async () => {
    const damaged = join(folder, 'damaged.pt');
    writeFileSync(damaged, 'no archive');
    const request = { protein: { path: damaged, architecture } };
    const outcomes = await Promise.allSettled([open(request), open(request), open(request)]);
    for (const outcome of outcomes) {
      assert.equal(outcome.status === 'rejected' && (outcome.reason as { code: string }).code, 'VNP_MODEL_INVALID');
    }
    await write(damaged, 1);
    await close([await open(request)]);
  });
});
