import type { NativeDriver } from './addon.js';
import { cudaVersionOf, type Libtorch } from './libtorch.js';
import { setupCommandForCuda } from './setup-command.js';

/**
 * The oldest NVIDIA driver for any CUDA of a major version: within one, a driver runs what was made for newer minor
 * versions too (NVIDIA's CUDA Compatibility, "Minor Version Compatibility").
 */
const OLDEST_DRIVERS: ReadonlyMap<number, number> = new Map([
  [11, 450],
  [12, 525],
  [13, 580],
]);

/** Why the driver cannot run what this libtorch was made for, and what to do; undefined where it can, or nobody knows. */
export function driverProblem(
  { version, cuda }: NativeDriver,
  libtorch: Libtorch,
): { reason: string; next: string } | undefined {
  const made = cudaVersionOf(libtorch);
  if (made === undefined || parseInt(made, 10) <= parseInt(cuda, 10)) return undefined;
  const reason = `driver ${version && `${version} `}runs CUDA up to ${cuda}, and libtorch ${libtorch.version} is made for CUDA ${made}`;
  const driver = OLDEST_DRIVERS.get(parseInt(made, 10));
  const newer = driver === undefined ? 'a newer NVIDIA driver' : `NVIDIA driver ${driver} or newer`;
  // CUDA 12 is the oldest that this release of libtorch is made for.
  const other = parseInt(cuda, 10) >= 12 ? `, or a libtorch for CUDA 12 (${setupCommandForCuda(12)})` : '';
  return { reason, next: `Install ${newer}${other}` };
}
