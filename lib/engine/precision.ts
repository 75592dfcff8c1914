import type { NativeDevice, Precision } from './addon.js';

/** What can be asked for. `auto`: bf16 where every device of the run computes it natively, else fp32. */
export const PRECISIONS = ['auto', 'fp32', 'bf16', 'fp16'] as const;
export type PrecisionChoice = (typeof PRECISIONS)[number];
export const DEFAULT_PRECISION: PrecisionChoice = 'auto';

/** The one precision of a run on these devices: which of them computes a frame is chance, and must not show. */
export function precisionOf(devices: readonly NativeDevice[], choice: PrecisionChoice): Precision {
  if (choice !== 'auto') return choice;
  return devices.every(({ bf16 }) => bf16) ? 'bf16' : 'fp32';
}

/** Whether it has tensor cores for fp16 and none for bf16: Volta and Turing. */
export function hasFastFp16Only({ capability, bf16 }: NativeDevice): boolean {
  return !bf16 && capability.startsWith('7.');
}
