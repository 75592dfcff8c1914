import { setupFailure } from './setup-failure.js';
import type { WheelPlatform } from './wheel-table.js';

/** @throws VNP_LIBTORCH on a processor that there is no libtorch for */
export function thisPlatform(): WheelPlatform {
  if (process.arch === 'x64' || process.arch === 'arm64') return process.arch;
  throw setupFailure(
    `There is no libtorch for ${process.arch} in package indexes. Build PyTorch and \`export LIBTORCH=\` its folder`,
  );
}
