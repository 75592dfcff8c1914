import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { libcProblem } from '#c-library';
import { reasonOf, VirnucproError } from '../../errors.js';
import { packageRoot } from '../../package.js';
import type { Addon, NativeDriver } from '../addon.js';
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
  addonMissing,
  failure,
  libtorchMissing,
  libtorchRefusal,
  linkerProblem,
  refuseDamagedAddon,
} from './load-failure.js';
import { refuseUnfitProcess } from '../limits/process-limits.js';

/** Whether libtorch's CUDA half could be brought in. `absent`: this machine has no NVIDIA driver. */
export type CudaState =
  | { state: 'absent' }
  | {
      state: 'loaded';
      /** Compute capabilities that this libtorch has kernels for: see `kernelTargets`. Left out where it does not tell. */
      kernels?: readonly string[];
    }
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
  /** What the search came upon before, and could not use though it should be of use. */
  passedOver: readonly LibtorchCandidate[];
  cuda: CudaState;
}

interface Loader {
  /** Sets a variable of the process's environment unless it is set: native libraries do not look into `process.env`. */
  setDefault(name: string, value: string): void;
  /** dlopen with RTLD_NOW | RTLD_GLOBAL; throws with the linker's words. */
  load(path: string): void;
  /** The same on another thread. */
  loadAside(path: string): Promise<void>;
  /** Ends the process at once with this exit code, whatever its threads do. */
  leave(code: number): never;
}

const LOADER = 'virnucpro_loader.node';
const ADDON = 'virnucpro.node';

const require = createRequire(import.meta.url);
let loaded: LoadedAddon | undefined;
/** What `prepareAddon` has found. */
let prepared: LibtorchSearch | undefined;

/**
 * Brings libtorch into the process on another thread: half a second, or many where the disk is slow, in which this one is
 * free for other things, such as a signal. What is wrong is found by `loadAddon`, which has to come after it. Never fails.
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
    // `loadAddon` meets it again, and has words for it.
  }
}

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

/**
 * Ends the process at once with this exit code: nothing is waited for, no listener of its end is told, and what native
 * threads compute is lost. Loads nothing of libtorch.
 * @throws VNP_LIBTORCH where the addon's loader is missing or damaged
 */
export function leaveProcess(code: number): never {
  return (nativeModule(addonFolder(), LOADER) as Loader).leave(code);
}

/** Whoever asks for the devices hears of the memory that this process may use, not of all that the machine has. */
function withinGrant({ addon: native, ...others }: LoadedAddon): LoadedAddon {
  return { ...others, addon: { ...native, devices: () => native.devices().map(grantedDevice) } };
}

function load(): LoadedAddon {
  try {
    return loadBoth();
  } catch (error) {
    // Whatever it says: with another C library nothing of it can be mended. Asked late, because asking takes a while.
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

/** The end of a process waits for the GPUs that it used, for ever where one hangs. */
function leaveWhereDeviceHangs(loader: Loader, addon: Addon): void {
  const leave = (code: number): void => {
    if (!addon.deviceHangs()) return;
    // Nobody calls those behind this one any more.
    const all = process.rawListeners('exit') as ((code: number) => void)[];
    try {
      for (const listener of all.slice(all.indexOf(leave) + 1)) listener.call(process, code);
    } finally {
      loader.leave(code);
    }
  };
  process.on('exit', leave);
}

/** What libraries read once, when they are loaded or initialised. */
function setDefaults(loader: Loader): void {
  limitBusyWaiting(loader);
  limitInstructions(loader);
  // nvidia-smi's order. The driver's own default puts the fastest device first.
  loader.setDefault('CUDA_DEVICE_ORDER', 'PCI_BUS_ID');
}

/** The first libtorch of the search that the linker takes. */
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
      // The linker takes back what it had mapped. If anything stayed, parts of two libtorchs would be mixed.
      if (libtorch.source === 'environment' || hasLoadedFrom(libtorch.root))
        throw failure(`libtorch in ${libtorch.root} does not load: ${refusal.reason}`, refusal.next, cause);
      refused.set(libtorch.root, refusal);
    }
  }
}

/** Whether code of this folder is in the process; what the linker gave up on may leave mappings of data behind. */
function hasLoadedFrom(root: string): boolean {
  // Without /proc nobody can know.
  if (!existsSync('/proc/self/maps')) return true;
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return mappings.some((line) => /^\S+ ..x/.test(line) && line.includes(` ${realpathSync(root)}/`));
}

/**
 * The threads of libtorch's OpenMP spin while they wait for each other, by default so long that a run takes several times
 * as long on a machine with anything else to do. This many rounds cost nothing there and nothing on an idle one
 * (measured, see bench/results). The library reads it once, when it is loaded.
 */
function limitBusyWaiting(loader: Loader): void {
  if (process.env['OMP_WAIT_POLICY'] === undefined) loader.setDefault('GOMP_SPINCOUNT', '2000');
}

/**
 * Who has libtorch do without AVX-512 means its matrix library (oneDNN), too, which goes by the processor alone: libtorch's
 * attention would lay out 16-bit values for matrix units that it finds (AMX), and then miss AVX-512.
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

/** What can be told before the CUDA half is loaded, which takes a while. */
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

/** $VIRNUCPRO_ADDON (for those who build the addon elsewhere), what was built here, what came with the package. */
function addonFolder(): string {
  const given = process.env['VIRNUCPRO_ADDON'];
  const folders = given
    ? [resolve(given)]
    : [join(packageRoot, 'build', 'Release'), join(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`)];
  const found = folders.find((folder) => ['virnucpro.node', LOADER].every((name) => existsSync(join(folder, name))));
  if (found === undefined) throw addonMissing(folders);
  return found;
}
