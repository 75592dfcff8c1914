import { expected, VirnucproError } from '../errors.js';
import type { NativeDevice } from './addon.js';
import type { LoadedAddon } from './load.js';

/**
 * The devices of these ids, in their order; when none are named, every CUDA device, else the CPU.
 * @throws VirnucproError VNP_LIBTORCH when none are named and there is a driver that cannot be used, VNP_DEVICE,
 *   VNP_ARGUMENT
 */
export function chooseDevices({ addon, cuda }: LoadedAddon, asked: readonly string[] | undefined): NativeDevice[] {
  if (cuda.state === 'unusable' && !asked) {
    throw new VirnucproError(
      'VNP_LIBTORCH',
      `Expected a libtorch that can use this machine's NVIDIA driver but ${cuda.reason}. ${cuda.next}, ` +
        'or choose the CPU by name (--device cpu)',
    );
  }
  const present = addon.devices();
  const gpus = present.filter(({ id }) => id !== 'cpu');
  if (!asked) return gpus.length > 0 ? gpus : present;
  if (asked.length === 0) throw expected('VNP_ARGUMENT', 'at least one device', 'devices', 'none');
  return asked.map((id) => {
    const device = present.find((candidate) => candidate.id === id);
    if (device) return device;
    const known = present.map((candidate) => candidate.id).join(', ');
    const next = gpus.length > 0 ? '' : 'No CUDA device was found on this machine';
    throw expected('VNP_DEVICE', `one of ${known}`, 'a device', id, next);
  });
}
