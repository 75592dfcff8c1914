import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { watchMemory } from '../../lib/benchmark/measurements.js';
import type { Readings } from './peak-memory-process.js';

const PROGRAM = fileURLToPath(new URL('peak-memory-process.js', import.meta.url));
const MB = 2 ** 20;

describe('the memory that a benchmark reports', () => {
  it('of the CPU is the most since the model was loaded', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, String(256 * MB)]);
    const { before, after } = JSON.parse(stdout) as Readings;
    const { loaded, peak, includesLoading } = before;
    assert.ok(loaded > 0 && peak >= loaded, stdout);
    if (!includesLoading) assert.ok(peak - loaded < 64 * MB, `${stdout} though nothing has happened since`);
    assert.equal(after.loaded, loaded);
    assert.ok(after.peak - loaded >= 250 * MB, stdout);
  });

  it('of a GPU is what the worker has taken there', () => {
    const taken = { allocated: 280, reserved: 300, peakAllocated: 290, peakReserved: 300 };
    const watch = watchMemory('cuda:0', { memory: () => ({ ...taken }) });
    Object.assign(taken, { reserved: 400, peakReserved: 550 });
    assert.deepEqual(watch.read(), { loaded: 300, peak: 550, includesLoading: true });
  });
});
