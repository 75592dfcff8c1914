import { join } from 'node:path';
import { reasonOf } from '../../errors.js';
import type { Addon, NativeDriver } from '../addon.js';
import { driverProblem, kernelTargets } from './cuda.js';
import { libraryProblem } from './elf-file.js';
import { mendingCommand, setupCommand } from './find-libtorch.js';
import type { Libtorch } from './find-libtorch.js';
import { linkerProblem } from './load-failure.js';
import type { Loader } from './loader.js';

/** Whether libtorch's CUDA half could be loaded. `absent`: this machine has no NVIDIA driver. */
export type CudaState =
  | {
      /** This machine has no NVIDIA driver. */
      state: 'absent';
    }
  | {
      /** There is a driver, and libtorch can use it. */
      state: 'loaded';
      /** Compute capabilities that this libtorch has kernels for: see `kernelTargets`. Absent if unknown. */
      kernels?: readonly string[];
    }
  | {
      /** There is a driver, but it cannot be used: never to be ignored silently. */
      state: 'unusable';
      /** Why, in words. */
      reason: string;
      /** What to do about it. */
      next: string;
    };

const DRIVER = 'libcuda.so.1';

/** Loads the CUDA half of the libtorch that the addon was loaded with. */
export function loadCuda(loader: Loader, addon: Addon, libtorch: Libtorch): CudaState {
  try {
    loader.load(DRIVER);
  } catch {
    return { state: 'absent' };
  }
  const problem = cudaProblem(addon.driver(), libtorch);
  if (problem) return { state: 'unusable', ...problem };
  const path = cudaLibrary(libtorch);
  try {
    loader.load(path);
  } catch (cause) {
    return unloadable(path, cause);
  }
  return loadedFrom(path);
}

/** Like `loadCuda`, with everything slow on another thread; it also wakes the driver. */
export async function loadCudaAside(loader: Loader, addon: Addon, libtorch: Libtorch): Promise<CudaState> {
  try {
    await loader.loadAside(DRIVER);
  } catch {
    return { state: 'absent' };
  }
  await addon.wakeDriver();
  const problem = cudaProblem(addon.driver(), libtorch);
  if (problem) return { state: 'unusable', ...problem };
  const path = cudaLibrary(libtorch);
  try {
    await loader.loadAside(path);
  } catch (cause) {
    return unloadable(path, cause);
  }
  return loadedFrom(path);
}

function loadedFrom(path: string): CudaState {
  const kernels = kernelTargets(path);
  return { state: 'loaded', ...(kernels && { kernels }) };
}

function unloadable(path: string, cause: unknown): CudaState {
  return {
    state: 'unusable',
    reason: linkerProblem(reasonOf(cause), path).problem,
    next: `Run \`${setupCommand()}\` on this machine`,
  };
}

function cudaLibrary({ root }: Libtorch): string {
  return join(root, 'lib', 'libtorch_cuda.so');
}

/** Problems that can be detected before loading the CUDA half, which is slow. */
function cudaProblem(driver: NativeDriver | null, libtorch: Libtorch): { reason: string; next: string } | undefined {
  const next = `Run \`${mendingCommand('LIBTORCH')}\``;
  if (!libtorch.cuda) return { reason: `libtorch ${libtorch.version} in ${libtorch.root} has no CUDA`, next };
  const path = cudaLibrary(libtorch);
  const damage = libraryProblem(path);
  if (damage !== undefined) return { reason: `${path} ${damage}`, next };
  return driver ? driverProblem(driver, libtorch) : undefined;
}
