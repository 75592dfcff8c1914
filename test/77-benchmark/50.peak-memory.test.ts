import assert from 'node:assert/strict';
import { watchMemory } from '../../lib/benchmark/peak-memory.js';

const MB = 2 ** 20;

/** Takes memory, fills it, and gives it back. */
function useMemory(bytes: number): void {
  Buffer.alloc(bytes, 1);
}

describe('the memory that a benchmark reports', () => {
  it('of the CPU is the most since the model was loaded', () => {
    const watch = watchMemory('cpu', { memory: () => assert.fail() });
    const { loaded, peak, includesLoading } = watch.read();
    assert.ok(loaded > 0 && peak >= loaded);
    if (!includesLoading) assert.ok(peak - loaded < 64 * MB, 'nothing has happened since');
    useMemory(256 * MB);
    const after = watch.read();
    assert.equal(after.loaded, loaded);
    assert.ok(after.peak - loaded >= 250 * MB, `${after.peak - loaded}`);
  });

  it('of a GPU is what the worker has taken there', () => {
    const taken = { allocated: 280, reserved: 300, peakAllocated: 290, peakReserved: 300 };
    const watch = watchMemory('cuda:0', { memory: () => ({ ...taken }) });
    Object.assign(taken, { reserved: 400, peakReserved: 550 });
    assert.deepEqual(watch.read(), { loaded: 300, peak: 550, includesLoading: true });
  });
});
