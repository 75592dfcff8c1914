import type { NativeDevice } from './addon.js';
import { leastMemory, type SizedModels } from './batch-tokens.js';
import type { LeftOutDevice } from './choose-devices.js';
import { precisionOf, type PrecisionChoice } from './precision.js';

/**
 * Parts GPUs with room for the models' weights and the least batch from those that are full. A GPU is asked in its own
 * precision first, so that a full one does not decide in which the others compute.
 */
export function devicesWithRoom(
  devices: readonly NativeDevice[],
  models: SizedModels,
  choice: PrecisionChoice,
): { readonly devices: readonly NativeDevice[]; readonly full: readonly LeftOutDevice[] } {
  const full: LeftOutDevice[] = [];
  const withRoom = (candidates: readonly NativeDevice[], wanted: PrecisionChoice): NativeDevice[] =>
    candidates.filter((device) => {
      const precision = precisionOf([device], wanted);
      const least = leastMemory(models, precision);
      const { memoryFree } = device;
      if (device.id === 'cpu' || memoryFree === null || memoryFree >= least) return true;
      const what = `the weights and the least batch take ${sizeText(least)} in ${precision.toUpperCase()}`;
      full.push({ device, reason: `full, with ${sizeText(memoryFree)} free where ${what}` });
      return false;
    });
  const own = withRoom(devices, choice);
  return { devices: withRoom(own, precisionOf(own, choice)), full };
}

function sizeText(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
