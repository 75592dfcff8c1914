import assert from 'node:assert/strict';
import type { NativeDevice } from '../../lib/engine/addon.js';
import { chooseDevices } from '../../lib/engine/devices/choose-devices.js';
import type { DeviceChoice } from '../../lib/engine/devices/choose-devices.js';
import type { CudaState } from '../../lib/engine/libtorch/load-cuda.js';
import type { LoadedAddon } from '../../lib/engine/libtorch/load.js';

const LOADED: CudaState = { state: 'loaded' };
const ABSENT: CudaState = { state: 'absent' };
const UNUSABLE: CudaState = { state: 'unusable', reason: 'it is old', next: 'Run `mend`' };

function device(id: string, more: Partial<NativeDevice> = {}): NativeDevice {
  return {
    ...{ id, name: 'a fake', capability: '', memoryTotal: 1, memoryFree: 1, bf16: false },
    ...{ driver: '', pciAddress: '', mig: false, computeMode: 'default', processes: 0, ...more },
  };
}

const cpu = device('cpu');
const gpus = [device('cuda:0', { processes: 3 }), device('cuda:1')];
const prohibited = device('cuda:2', { computeMode: 'prohibited' });
const taken = device('cuda:3', { computeMode: 'exclusive', processes: 1 });
const exclusive = device('cuda:4', { computeMode: 'exclusive' });

function choose(asked: DeviceChoice | undefined, present: readonly NativeDevice[], cuda: CudaState = LOADED) {
  return chooseDevices({ addon: { devices: () => [...present] }, cuda } as LoadedAddon, asked);
}

const idsOf = ({ devices }: ReturnType<typeof choose>): string[] => devices.map(({ id }) => id);

describe('the choice of devices', () => {
  it('is every GPU, else the CPU', () => {
    for (const asked of ['auto', undefined] as const) {
      assert.deepEqual(choose(asked, [cpu, ...gpus]), { devices: gpus, leftOut: [], mayLeaveOut: true });
      assert.deepEqual(choose(asked, [cpu], ABSENT), { devices: [cpu], leftOut: [], mayLeaveOut: false });
    }
  });

  it('is by word', () => {
    assert.deepEqual(idsOf(choose('cpu', [cpu, ...gpus])), ['cpu']);
    assert.deepEqual(idsOf(choose('cuda', [cpu, ...gpus])), ['cuda:0', 'cuda:1']);
    assert.throws(() => choose('cuda', [cpu], ABSENT), { code: 'VNP_DEVICE' });
    assert.throws(() => choose('gpu' as DeviceChoice, [cpu]), { code: 'VNP_ARGUMENT' });
  });

  it('is by id, in the order that was asked, the CPU among them', () => {
    assert.deepEqual(idsOf(choose(['cuda:1', 'cpu', 'cuda:0'], [cpu, ...gpus])), ['cuda:1', 'cpu', 'cuda:0']);
  });

  it('names those that exist when one does not', () => {
    const message = /^Expected one of cpu, cuda:0, cuda:1 for a device but received cuda:7$/;
    assert.throws(() => choose(['cuda:0', 'cuda:7'], [cpu, ...gpus]), { code: 'VNP_DEVICE', message });
    const none = /received cuda:0\. No CUDA device was found/;
    assert.throws(() => choose(['cuda:0'], [cpu], ABSENT), { code: 'VNP_DEVICE', message: none });
  });

  it('takes no list of none, and no device twice', () => {
    assert.throws(() => choose([], [cpu]), { code: 'VNP_ARGUMENT' });
    const twice = { code: 'VNP_ARGUMENT', message: /cuda:1 twice/ };
    assert.throws(() => choose(['cuda:1', 'cpu', 'cuda:1'], [cpu, ...gpus]), twice);
  });

  it('leaves out those that nobody else can compute on, and says why', () => {
    for (const asked of ['auto', 'cuda'] as const) {
      const choice = choose(asked, [cpu, ...gpus, prohibited, taken, exclusive]);
      assert.deepEqual(idsOf(choice), ['cuda:0', 'cuda:1', 'cuda:4']);
      const [first, second, ...rest] = choice.leftOut;
      assert.deepEqual([first!.device, second!.device, rest], [prohibited, taken, []]);
      assert.match(first!.reason, /prohibited/i);
      assert.match(second!.reason, /busy/);
    }
  });

  describe('of a libtorch that tells what it has kernels for', () => {
    const cuda: CudaState = { state: 'loaded', kernels: ['7.5', '8.0', '9.0'] };
    const volta = device('cuda:2', { capability: '7.0' });
    const thor = device('cuda:3', { capability: '11.0' });
    const ada = device('cuda:4', { capability: '8.9' });

    it('leaves out those that it has none for, and says why', () => {
      const { devices, leftOut, mayLeaveOut } = choose('auto', [cpu, volta, thor, ada], cuda);
      assert.deepEqual([devices, mayLeaveOut], [[ada], true]);
      assert.deepEqual(
        leftOut.map(({ device: { id }, reason }) => [id, reason]),
        [
          [
            'cuda:2',
            'too old for this libtorch: its capability is 7.0, but there are kernels only for 7.5 and newer ' +
              '(a libtorch for CUDA 12.6, named in LIBTORCH, has them for 5.0 and newer)',
          ],
          [
            'cuda:3',
            'unsupported by this libtorch: its capability is 11.0, but there are kernels only for 7.5, 8.0, 9.0',
          ],
        ],
      );
    });

    it('refuses one that was asked for, and all where there is no other', () => {
      const message = /cuda:2 is too old for this libtorch: its capability is 7\.0/;
      assert.throws(() => choose(['cuda:4', 'cuda:2'], [cpu, volta, ada], cuda), { code: 'VNP_DEVICE', message });
      assert.throws(() => choose('auto', [cpu, volta], cuda), { code: 'VNP_DEVICE', message });
      assert.deepEqual(idsOf(choose(['cpu'], [cpu, volta], cuda)), ['cpu']);
    });
  });

  it('takes no CPU in silence when no GPU is to be had', () => {
    const message = /^No GPU can be used: cuda:2 is .*prohibited.*; cuda:3 is busy.*`devices: 'cpu'`/i;
    for (const asked of ['auto', 'cuda'] as const) {
      assert.throws(() => choose(asked, [cpu, prohibited, taken]), { code: 'VNP_DEVICE', message });
    }
  });

  it('says why one that was asked for cannot be had', () => {
    for (const [wanted, message] of [
      [prohibited, /^The device cuda:2 is .*prohibited/i],
      [taken, /^The device cuda:3 is busy: another process/],
    ] as const) {
      assert.throws(() => choose([wanted.id], [cpu, prohibited, taken]), { code: 'VNP_DEVICE', message });
    }
  });

  it('is an error where GPUs are wanted and libtorch cannot use the driver; the CPU can be named', () => {
    const failure = {
      code: 'VNP_LIBTORCH',
      message: /libtorch cannot use .* driver: it is old\. Run `mend`, or .*`devices: 'cpu'`/,
    };
    for (const asked of ['auto', undefined, 'cuda', ['cuda:0'], ['cpu', 'cuda:0']] as const) {
      assert.throws(() => choose(asked, [cpu, ...gpus], UNUSABLE), failure);
    }
    for (const asked of ['cpu', ['cpu']] as const) {
      assert.deepEqual(idsOf(choose(asked, [cpu, ...gpus], UNUSABLE)), ['cpu']);
    }
  });
});
