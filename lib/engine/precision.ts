import type { NativeDevice, Precision } from './addon.js';

/** What can be asked for. `auto`: bf16 where the device computes it natively, else fp32. */
export const PRECISIONS = ['auto', 'fp32', 'bf16', 'fp16'] as const;
export type PrecisionChoice = (typeof PRECISIONS)[number];
export const DEFAULT_PRECISION: PrecisionChoice = 'auto';

export function precisionFor(device: NativeDevice, choice: PrecisionChoice): Precision {
  if (choice !== 'auto') return choice;
  return device.bf16 ? 'bf16' : 'fp32';
}
