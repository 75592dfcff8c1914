import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { libcProblem } from '#c-library';
import { VirnucproError } from '../../errors.js';
import { unlessAborted } from '../../unless-aborted.js';
import type { Addon } from '../addon.js';
import { ADDON, addonFolder, LOADER } from './addon-folder.js';
import { grantedDevice } from '../limits/granted-resources.js';
import { refuseUnfitProcess } from '../limits/process-limits.js';
import { kernelCompiler } from './cuda.js';
import { findLibtorch, findLibtorchAside } from './find-libtorch.js';
import type { Libtorch, LibtorchCandidate, LibtorchSearch, Refusal } from './find-libtorch.js';
import { loadCuda, loadCudaAside } from './load-cuda.js';
import type { CudaState } from './load-cuda.js';
import { addonFailure, failure, libtorchMissing, libtorchRefusal, refuseDamagedAddon } from './load-failure.js';
import type { Loader } from './loader.js';

export interface LoadedAddon {
  addon: Addon;
  /** Path of virnucpro.node. */
  path: string;
  libtorch: Libtorch;
  /** Places found earlier in the search whose libtorch should have been usable, but was not. */
  passedOver: readonly LibtorchCandidate[];
  cuda: CudaState;
}

const require = createRequire(import.meta.url);
let loaded: LoadedAddon | undefined;

/**
 * Loads libtorch and the addon into this process, whose event loop goes on meanwhile: everything slow happens on other
 * threads and in other processes. It takes half a second, or many seconds from a slow disk. Afterwards `loadAddon`
 * returns the same at once.
 * @throws what `loadAddon` throws; the signal's reason
 */
export async function prepareAddon(signal?: AbortSignal): Promise<LoadedAddon> {
  return loaded ?? unlessAborted(loadAside(signal), signal);
}

/**
 * Loads libtorch and the addon into this process; later calls return the same. Blocks for about half a second, or many
 * seconds from a slow disk; `prepareAddon` does not.
 * @throws VNP_LIBTORCH with the command that helps, if either is missing or incompatible; see also process-limits.ts
 */
export function loadAddon(): LoadedAddon {
  if (!loaded) {
    refuseUnfitProcess();
    loaded = withinGrant(load());
  }
  return loaded;
}

/**
 * Ends the process at once with this exit code: waits for nothing, calls no `exit` listener, and loses what native
 * threads are computing. Does not load libtorch.
 * @throws VNP_LIBTORCH if the addon's loader is missing or damaged
 */
export function leaveProcess(code: number): never {
  return (nativeModule(addonFolder(), LOADER) as Loader).leave(code);
}

/** Makes `devices` report the memory that this process may use instead of all that the machine has. */
function withinGrant({ addon: native, ...others }: LoadedAddon): LoadedAddon {
  return { ...others, addon: { ...native, devices: () => native.devices().map(grantedDevice) } };
}

function load(): LoadedAddon {
  try {
    const folder = addonFolder();
    const loader = openLoader(folder);
    const found = loadLibtorch(loader);
    const addon = openAddon(folder, loader);
    return ready(addon, folder, { ...found, cuda: loadCuda(loader, addon, found.libtorch) });
  } catch (error) {
    throw explained(error);
  }
}

async function loadAside(signal?: AbortSignal): Promise<LoadedAddon> {
  refuseUnfitProcess();
  try {
    const folder = addonFolder();
    const loader = openLoader(folder);
    const found = await loadLibtorchAside(loader, signal);
    const addon = openAddon(folder, loader);
    const cuda = await loadCudaAside(loader, addon, found.libtorch);
    // Another call may have been faster.
    loaded ??= withinGrant(ready(addon, folder, { ...found, cuda }));
    return loaded;
  } catch (error) {
    throw signal?.aborted ? error : explained(error);
  }
}

/** With an unsupported C library nothing else can help, whatever the error says. Checked late because it is slow. */
function explained(error: unknown): unknown {
  const problem = libcProblem();
  return problem === undefined ? error : new VirnucproError('VNP_LIBTORCH', problem, { cause: error });
}

function openLoader(folder: string): Loader {
  const loader = nativeModule(folder, LOADER) as Loader;
  setDefaults(loader);
  return loader;
}

/** Quick once libtorch is loaded, whose libraries it names. */
function openAddon(folder: string, loader: Loader): Addon {
  const addon = nativeModule(folder, ADDON) as Addon;
  if (isMainThread) leaveWhereDeviceHangs(loader, addon);
  return addon;
}

function ready(
  addon: Addon,
  folder: string,
  found: Pick<LoadedAddon, 'libtorch' | 'passedOver' | 'cuda'>,
): LoadedAddon {
  const compiler = found.cuda.state === 'loaded' ? kernelCompiler(found.libtorch) : undefined;
  if (compiler) addon.setKernelCompiler(compiler);
  return { addon, path: join(folder, ADDON), ...found };
}

/** Whether `leaveWhereDeviceHangs` has been called. */
let isWatchingExit = false;

/** A process waits for the GPUs that it used before it exits: forever, if one hangs. */
function leaveWhereDeviceHangs(loader: Loader, addon: Addon): void {
  if (isWatchingExit) return;
  isWatchingExit = true;
  const leave = (code: number): void => {
    if (!addon.deviceHangs()) return;
    // Leaving from here would skip the listeners behind this one.
    const all = process.rawListeners('exit') as ((code: number) => void)[];
    try {
      for (const listener of all.slice(all.indexOf(leave) + 1)) listener.call(process, code);
    } finally {
      loader.leave(code);
    }
  };
  process.on('exit', leave);
}

/** Variables that libraries read once, when they are loaded or initialised. */
function setDefaults(loader: Loader): void {
  limitBusyWaiting(loader);
  limitInstructions(loader);
  // nvidia-smi's order. The driver's own default puts the fastest device first.
  loader.setDefault('CUDA_DEVICE_ORDER', 'PCI_BUS_ID');
}

type LoadedLibtorch = Pick<LoadedAddon, 'libtorch' | 'passedOver'>;

/** The first libtorch of the search that the linker accepts. */
function loadLibtorch(loader: Loader): LoadedLibtorch {
  const refused = new Map<string, Refusal>();
  for (;;) {
    const found = chosenBy(findLibtorch({ refused }));
    try {
      loader.load(cpuLibrary(found));
      return found;
    } catch (cause) {
      refuse(found, cause, refused);
    }
  }
}

/** Like `loadLibtorch`, without blocking. @throws the signal's reason */
async function loadLibtorchAside(loader: Loader, signal?: AbortSignal): Promise<LoadedLibtorch> {
  const refused = new Map<string, Refusal>();
  for (;;) {
    const found = chosenBy(await findLibtorchAside({ refused }, signal));
    try {
      await loader.loadAside(cpuLibrary(found));
      return found;
    } catch (cause) {
      refuse(found, cause, refused);
    }
  }
}

function chosenBy(search: LibtorchSearch): LoadedLibtorch {
  if (!search.chosen) throw libtorchMissing(search);
  return { libtorch: search.chosen, passedOver: search.considered.filter(({ broken }) => broken) };
}

function cpuLibrary({ libtorch }: LoadedLibtorch): string {
  return join(libtorch.root, 'lib', 'libtorch_cpu.so');
}

/** Enters a libtorch that the linker refused. @throws VNP_LIBTORCH if there is no other to try */
function refuse({ libtorch }: LoadedLibtorch, cause: unknown, refused: Map<string, Refusal>): void {
  const refusal = libtorchRefusal(libtorch, cause);
  // The linker unmaps what it had mapped. Were anything left, the next attempt would mix parts of two libtorchs.
  if (libtorch.source === 'environment' || hasLoadedFrom(libtorch.root)) {
    throw failure(`libtorch in ${libtorch.root} does not load: ${refusal.reason}`, refusal.next, cause);
  }
  refused.set(libtorch.root, refusal);
}

/** Whether code from this folder is mapped. Only code counts, since a failed load may leave data mappings behind. */
function hasLoadedFrom(root: string): boolean {
  // Without /proc, assume the worst.
  if (!existsSync('/proc/self/maps')) return true;
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return mappings.some((line) => /^\S+ ..x/.test(line) && line.includes(` ${realpathSync(root)}/`));
}

/**
 * The threads of libtorch's OpenMP spin while they wait for each other. By default they spin so long that a run takes
 * several times as long on a busy machine. This many rounds cost nothing on a busy or an idle one (measured, see
 * bench/results). The library reads the variable once, when it is loaded.
 */
function limitBusyWaiting(loader: Loader): void {
  if (process.env['OMP_WAIT_POLICY'] === undefined) loader.setDefault('GOMP_SPINCOUNT', '2000');
}

/**
 * Disabling AVX-512 in libtorch has to disable it in its matrix library (oneDNN) too, which looks only at the
 * processor: otherwise libtorch's attention would lay out 16-bit values for the matrix units that it finds (AMX), and
 * then lack AVX-512.
 */
function limitInstructions(loader: Loader): void {
  const capability = process.env['ATEN_CPU_CAPABILITY'];
  if (capability === 'default' || capability === 'avx2') loader.setDefault('ONEDNN_MAX_CPU_ISA', 'AVX2');
}

function nativeModule(folder: string, name: string): unknown {
  const path = join(folder, name);
  refuseDamagedAddon(path);
  try {
    return require(path);
  } catch (cause) {
    throw addonFailure(path, folder, cause);
  }
}
