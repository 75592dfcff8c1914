import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { libcProblem } from '#c-library';
import { reasonOf, VirnucproError } from '../../errors.js';
import type { Addon, NativeDriver } from '../addon.js';
import { ADDON, addonFolder, LOADER } from './addon-folder.js';
import { driverProblem, kernelCompiler, kernelTargets } from './cuda.js';
import { libraryProblem } from './elf-file.js';
import { grantedDevice } from '../limits/granted-resources.js';
import {
  findLibtorch,
  type Libtorch,
  type LibtorchCandidate,
  type LibtorchSearch,
  mendingCommand,
  type Refusal,
  setupCommand,
} from './find-libtorch.js';
import {
  addonFailure,
  failure,
  libtorchMissing,
  libtorchRefusal,
  linkerProblem,
  refuseDamagedAddon,
} from './load-failure.js';
import { refuseUnfitProcess } from '../limits/process-limits.js';

/** Whether libtorch's CUDA half could be loaded. `absent`: this machine has no NVIDIA driver. */
export type CudaState =
  | { state: 'absent' }
  | {
      state: 'loaded';
      /** Compute capabilities that this libtorch has kernels for: see `kernelTargets`. Absent if unknown. */
      kernels?: readonly string[];
    }
  | {
      /** There is a driver, but it cannot be used: never to be ignored silently. */
      state: 'unusable';
      reason: string;
      /** What to do about it. */
      next: string;
    };

export interface LoadedAddon {
  addon: Addon;
  /** Path of virnucpro.node. */
  path: string;
  libtorch: Libtorch;
  /** Places found earlier in the search whose libtorch should have been usable, but was not. */
  passedOver: readonly LibtorchCandidate[];
  cuda: CudaState;
}

interface Loader {
  /** Sets a variable of the C environment unless it is set: native libraries do not see changes to `process.env`. */
  setDefault(name: string, value: string): void;
  /** dlopen with RTLD_NOW | RTLD_GLOBAL; throws with the linker's message. */
  load(path: string): void;
  /** `load` on another thread. */
  loadAside(path: string): Promise<void>;
  /** Ends the process at once with this exit code, whatever its threads are doing. */
  leave(code: number): never;
}

const require = createRequire(import.meta.url);
let loaded: LoadedAddon | undefined;
/** Result of the search by `prepareAddon`. */
let prepared: LibtorchSearch | undefined;

/**
 * Loads libtorch into the process on another thread, so that this one can handle signals and other events meanwhile. It
 * takes half a second, or many seconds from a slow disk. Never fails: call `loadAddon` afterwards, which reports
 * problems.
 */
export async function prepareAddon(): Promise<void> {
  if (loaded) return;
  try {
    refuseUnfitProcess();
    const loader = nativeModule(addonFolder(), LOADER) as Loader;
    setDefaults(loader);
    prepared ??= findLibtorch({ refused: new Map() });
    const { chosen } = prepared;
    if (!chosen) return;
    await loader.loadAside(join(chosen.root, 'lib', 'libtorch_cpu.so'));
    if (!chosen.cuda) return;
    await loader.loadAside('libcuda.so.1');
    const driver = (nativeModule(addonFolder(), ADDON) as Addon).driver();
    if (cudaProblem(driver, chosen) === undefined) await loader.loadAside(cudaLibrary(chosen));
  } catch {
    // `loadAddon` runs into it again and reports it.
  }
}

/**
 * Loads libtorch and the addon into this process; later calls return the same. Takes about half a second.
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
    return loadBoth();
  } catch (error) {
    // With an unsupported C library nothing else can help, whatever the error says. Checked late because it is slow.
    const problem = libcProblem();
    throw problem === undefined ? error : new VirnucproError('VNP_LIBTORCH', problem, { cause: error });
  }
}

function loadBoth(): LoadedAddon {
  const folder = addonFolder();
  const loader = nativeModule(folder, LOADER) as Loader;
  setDefaults(loader);
  const { libtorch, passedOver } = loadLibtorch(loader);
  const addon = nativeModule(folder, ADDON) as Addon;
  if (isMainThread) leaveWhereDeviceHangs(loader, addon);
  const cuda = loadCuda(loader, addon, libtorch);
  const compiler = cuda.state === 'loaded' ? kernelCompiler(libtorch) : undefined;
  if (compiler) addon.setKernelCompiler(compiler);
  return { addon, path: join(folder, ADDON), libtorch, passedOver, cuda };
}

/** A process waits for the GPUs that it used before it exits: forever, if one hangs. */
function leaveWhereDeviceHangs(loader: Loader, addon: Addon): void {
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

/** The first libtorch of the search that the linker accepts. */
function loadLibtorch(loader: Loader): Pick<LoadedAddon, 'libtorch' | 'passedOver'> {
  const refused = new Map<string, Refusal>();
  for (;;) {
    const search = refused.size === 0 && prepared ? prepared : findLibtorch({ refused });
    const libtorch = search.chosen;
    if (!libtorch) throw libtorchMissing(search);
    try {
      loader.load(join(libtorch.root, 'lib', 'libtorch_cpu.so'));
      return { libtorch, passedOver: search.considered.filter(({ broken }) => broken) };
    } catch (cause) {
      const refusal = libtorchRefusal(libtorch, cause);
      // The linker unmaps what it had mapped. Were anything left, the next attempt would mix parts of two libtorchs.
      if (libtorch.source === 'environment' || hasLoadedFrom(libtorch.root))
        throw failure(`libtorch in ${libtorch.root} does not load: ${refusal.reason}`, refusal.next, cause);
      refused.set(libtorch.root, refusal);
    }
  }
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

function loadCuda(loader: Loader, addon: Addon, libtorch: Libtorch): CudaState {
  try {
    loader.load('libcuda.so.1');
  } catch {
    return { state: 'absent' };
  }
  const driver = addon.driver();
  const problem = cudaProblem(driver, libtorch);
  if (problem) return { state: 'unusable', ...problem };
  const path = cudaLibrary(libtorch);
  try {
    loader.load(path);
  } catch (cause) {
    return {
      state: 'unusable',
      reason: linkerProblem(reasonOf(cause), path).problem,
      next: `Run \`${setupCommand()}\` on this machine`,
    };
  }
  const kernels = kernelTargets(path);
  return { state: 'loaded', ...(kernels && { kernels }) };
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

function nativeModule(folder: string, name: string): unknown {
  const path = join(folder, name);
  refuseDamagedAddon(path);
  try {
    return require(path);
  } catch (cause) {
    throw addonFailure(path, folder, cause);
  }
}
