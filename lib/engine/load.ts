import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { reasonOf, VirnucproError } from '../errors.js';
import { packageRoot } from '../package.js';
import type { Addon } from './addon.js';
import { grantedDevice } from './granted-resources.js';
import { describeSearch, findLibtorch, supportedLibtorch, type Libtorch } from './libtorch.js';
import { refuseUnfitProcess } from './process-limits.js';
import { mendingCommand, setupCommand } from './setup-command.js';

/** Whether libtorch's CUDA half could be brought in. `absent`: this machine has no NVIDIA driver. */
export type CudaState =
  | { state: 'absent' }
  | { state: 'loaded' }
  | {
      /** There is a driver and it cannot be used: never to be passed over in silence. */
      state: 'unusable';
      reason: string;
      /** What to do about it. */
      next: string;
    };

export interface LoadedAddon {
  addon: Addon;
  /** The path of virnucpro.node. */
  path: string;
  libtorch: Libtorch;
  cuda: CudaState;
}

interface Loader {
  /** Sets a variable of the process's environment unless it is set: native libraries do not look into `process.env`. */
  setDefault(name: string, value: string): void;
  /** dlopen with RTLD_NOW | RTLD_GLOBAL; throws with the linker's words. */
  load(path: string): void;
}

const require = createRequire(import.meta.url);
let loaded: LoadedAddon | undefined;

/**
 * Loads libtorch and the addon into this process; later calls return the same. Takes about half a second.
 * @throws VNP_LIBTORCH with the command that mends it when either is missing or does not fit; see also process-limits.ts
 */
export function loadAddon(): LoadedAddon {
  if (!loaded) {
    refuseUnfitProcess();
    loaded = withinGrant(load());
  }
  return loaded;
}

/** Whoever asks for the devices hears of the memory that this process may use, not of all that the machine has. */
function withinGrant({ addon: native, ...others }: LoadedAddon): LoadedAddon {
  return { ...others, addon: { ...native, devices: () => native.devices().map(grantedDevice) } };
}

function load(): LoadedAddon {
  const folder = addonFolder();
  const search = findLibtorch();
  if (!search.chosen) {
    throw failure(`Expected libtorch ${supportedLibtorch}.x but found none: ${describeSearch(search).join('; ')}`, [
      'LIBTORCH',
    ]);
  }
  const libtorch = search.chosen;
  const loader = nativeModule(join(folder, 'virnucpro_loader.node')) as Loader;
  limitBusyWaiting(loader);
  // nvidia-smi's order. The driver reads it once, when it is initialised; its own default puts the fastest device first.
  loader.setDefault('CUDA_DEVICE_ORDER', 'PCI_BUS_ID');
  try {
    loader.load(join(libtorch.root, 'lib', 'libtorch_cpu.so'));
  } catch (cause) {
    throw failure(
      `Expected libtorch in ${libtorch.root} to load but the linker says: ${reasonOf(cause)}`,
      ['LIBTORCH'],
      cause,
    );
  }
  const cuda = loadCuda(loader, libtorch);
  const path = join(folder, 'virnucpro.node');
  return { addon: nativeModule(path) as Addon, path, libtorch, cuda };
}

/**
 * The threads of libtorch's OpenMP spin while they wait for each other, by default so long that a run takes several times
 * as long on a machine with anything else to do. This many rounds cost nothing there and nothing on an idle one
 * (measured, see bench/results). The library reads it once, when it is loaded.
 */
function limitBusyWaiting(loader: Loader): void {
  if (process.env['OMP_WAIT_POLICY'] === undefined) loader.setDefault('GOMP_SPINCOUNT', '2000');
}

function loadCuda(loader: Loader, libtorch: Libtorch): CudaState {
  try {
    loader.load('libcuda.so.1');
  } catch {
    return { state: 'absent' };
  }
  if (!libtorch.cuda) {
    const next = `Run \`${mendingCommand('LIBTORCH')}\``;
    return { state: 'unusable', reason: `libtorch ${libtorch.version} in ${libtorch.root} has no CUDA`, next };
  }
  try {
    loader.load(join(libtorch.root, 'lib', 'libtorch_cuda.so'));
    return { state: 'loaded' };
  } catch (cause) {
    return { state: 'unusable', reason: reasonOf(cause), next: `Run \`${setupCommand()}\` on this machine` };
  }
}

function nativeModule(path: string): unknown {
  try {
    return require(path);
  } catch (cause) {
    throw failure(`Expected ${path} to load but Node says: ${reasonOf(cause)}`, ['VIRNUCPRO_ADDON'], cause);
  }
}

/** $VIRNUCPRO_ADDON (for those who build the addon elsewhere), what was built here, what came with the package. */
function addonFolder(): string {
  const given = process.env['VIRNUCPRO_ADDON'];
  const folders = given
    ? [resolve(given)]
    : [join(packageRoot, 'build', 'Release'), join(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`)];
  const found = folders.find((folder) =>
    ['virnucpro.node', 'virnucpro_loader.node'].every((name) => existsSync(join(folder, name))),
  );
  if (found === undefined) {
    throw failure(`Expected virnucpro.node and its loader in ${folders.join(' or ')}`, ['VIRNUCPRO_ADDON']);
  }
  return found;
}

/** @param variables those that may have led to the failure */
function failure(message: string, variables: ('LIBTORCH' | 'VIRNUCPRO_ADDON')[], cause?: unknown): VirnucproError {
  return new VirnucproError('VNP_LIBTORCH', `${message}. Run \`${mendingCommand(...variables)}\``, { cause });
}
