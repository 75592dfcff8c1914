import assert from 'node:assert/strict';
import { watchMemory } from '../../lib/benchmark/peak-memory.js';
import type { NativeDevice } from '../../lib/engine/addon.js';

const MB = 2 ** 20;

/** Takes memory, fills it, and gives it back. */
function useMemory(bytes: number): void {
  Buffer.alloc(bytes, 1);
}

describe('the memory that a benchmark reports', () => {
  it('of the CPU is the most since the model was loaded', () => {
    const watch = watchMemory('cpu', { devices: () => assert.fail() });
    watch.begin();
    const { loaded, peak, includesLoading } = watch.read();
    assert.ok(loaded > 0 && peak >= loaded);
    if (!includesLoading) assert.ok(peak - loaded < 64 * MB, 'nothing has happened since');
    useMemory(256 * MB);
    const after = watch.read();
    assert.equal(after.loaded, loaded);
    assert.ok(after.peak - loaded >= 250 * MB, `${after.peak - loaded}`);
  });

  it('of a GPU is what the device reports as used more than before loading', () => {
    let memoryFree = 1000;
    const device: NativeDevice = {
      ...{ id: 'cuda:0', name: 'a fake', capability: '9.0', memoryTotal: 1200, bf16: true },
      get memoryFree() {
        return memoryFree;
      },
    };
    const cpu: NativeDevice = { ...device, id: 'cpu', memoryFree: 7 };
    const watch = watchMemory('cuda:0', { devices: () => [cpu, device] });
    memoryFree = 700;
    watch.begin();
    memoryFree = 450;
    assert.deepEqual(watch.read(), { loaded: 300, peak: 550, includesLoading: false });
  });
});
