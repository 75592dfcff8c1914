import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import type { Libtorch } from '../../lib/engine/libtorch/find-libtorch.js';
import { compileFakeDriver, noCompiler } from '../fake-driver.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { settingsOf, type SimulatedMachine } from './machine.js';

const SOURCES = join(repositoryRoot, 'test', 'simulated-gpu');
/** Kept between runs: what has not changed is not compiled again. */
const FOLDER = join(repositoryRoot, 'build', 'simulated-gpu');

/** Apart from the driver, where the linker would find it whether or not a libtorch has it. */
const COMPILER = join(FOLDER, 'compiler');
/** What makes a kernel for GPUs one for the host. */
const EMULATION = join(repositoryRoot, 'test', 'cuda-emulation');

/** Milliseconds until a program is given up; only one that hangs waits so long. */
const PATIENCE = 5 * 60_000;

export interface ProbeResult {
  /** By scenario. */
  readonly said: Readonly<Record<string, string>>;
  /** Exit code, or the signal that killed it. */
  readonly end: number | string;
  readonly errors: string;
}

/** A libtorch whose CUDA half is simulated, and the driver that belongs to it. */
export class SimulatedGpus {
  readonly #libtorch: string;
  readonly #libtorchWithoutCompiler: string;
  readonly #driver: string;

  private constructor(libtorch: Libtorch, driver: string) {
    this.#libtorch = makeLibtorch(libtorch, join(FOLDER, 'libtorch'), true);
    this.#libtorchWithoutCompiler = makeLibtorch(libtorch, join(FOLDER, 'libtorch-without-compiler'), false);
    this.#driver = driver;
  }

  /** Skips the suite where GPUs cannot be simulated, and says why. */
  static build(context: Mocha.Context): SimulatedGpus {
    const reason = SimulatedGpus.missing();
    if (reason !== undefined) skip(context, reason);
    return SimulatedGpus.make();
  }

  /** What GPUs cannot be simulated without; undefined when all is there. */
  static missing(): string | undefined {
    const { root } = loadAddon().libtorch;
    const headers = existsSync(join(root, 'include')) ? undefined : `${root} has no headers to compile with`;
    return noCompiler() ?? noCmake() ?? headers;
  }

  /** Compiles what has changed; all of it takes most of a minute. */
  static make(): SimulatedGpus {
    const { libtorch } = loadAddon();
    compile(libtorch.root);
    const driver = join(FOLDER, 'driver');
    compileFakeDriver(driver, ['cuda', 'nvml']);
    compileFakeDriver(COMPILER, ['nvrtc']);
    return new SimulatedGpus(libtorch, driver);
  }

  /**
   * Runs scenarios of probe.cc on this machine.
   * @returns what each of them says, `right` or `wrong`, and how the program ended
   */
  probe(machine: SimulatedMachine, scenarios: readonly string[]): ProbeResult {
    const libraries = join(this.#libtorch, 'lib');
    const environment = this.environment(machine);
    const env = { ...environment, LD_LIBRARY_PATH: `${environment['LD_LIBRARY_PATH']}:${libraries}` };
    const words = ['libcuda.so.1', join(libraries, 'libtorch_cuda.so'), '--', ...scenarios];
    const ended = spawnSync(join(FOLDER, 'probe'), words, { encoding: 'utf8', env, timeout: PATIENCE });
    const lines = ended.stdout.trimEnd().split('\n');
    const said = Object.fromEntries(lines.filter(Boolean).map((line) => line.split(' ') as [string, string]));
    return { said, end: ended.status ?? ended.signal ?? 'unknown', errors: ended.stderr };
  }

  /** The environment in which `virnucpro`, or any program that uses the package, finds this machine. */
  environment(machine: SimulatedMachine): Record<string, string> {
    const { compiler = true, cache = keptKernels() } = machine.kernels ?? {};
    const variables: NodeJS.ProcessEnv = {
      ...process.env,
      ...settingsOf(machine),
      FAKE_NVRTC_EMULATION: join(EMULATION, 'emulation.h'),
      VIRNUCPRO_CACHE: cache,
      LIBTORCH: compiler ? this.#libtorch : this.#libtorchWithoutCompiler,
      LD_LIBRARY_PATH: [this.#driver, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':'),
      // What the tests use, which was found with another libtorch.
      VIRNUCPRO_ADDON: dirname(loadAddon().path),
    };
    delete variables['CUDA_VISIBLE_DEVICES'];
    delete variables['CUDA_DEVICE_ORDER'];
    return variables as Record<string, string>;
  }
}

function noCmake(): string | undefined {
  const { error } = spawnSync('cmake', ['--version']);
  return error && 'cmake is missing: install it with the package manager of this system';
}

function compile(libtorch: string): void {
  const cache = join(FOLDER, 'CMakeCache.txt');
  // CMake refuses what was configured before the checkout was moved or copied.
  if (existsSync(cache) && !readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${SOURCES}\n`)) {
    rmSync(FOLDER, { recursive: true });
  }
  const generator = spawnSync('ninja', ['--version']).error ? [] : ['-G', 'Ninja'];
  run('cmake', ['-S', SOURCES, '-B', FOLDER, ...generator, `-DLIBTORCH=${libtorch}`]);
  run('cmake', ['--build', FOLDER, '--parallel', '2']);
}

function run(program: string, words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${program} ${words.join(' ')} failed:\n${stdout}\n${stderr}`);
}

/** A folder of its own for each emulation, which a compiled kernel has in it. */
function keptKernels(): string {
  const texts = readdirSync(EMULATION).map((name) => readFileSync(join(EMULATION, name)));
  const hash = texts.reduce((sum, text) => sum.update(text), createHash('sha256'));
  return join(FOLDER, 'cache', hash.digest('hex').slice(0, 16));
}

/**
 * All of this libtorch's files but for its CUDA half. The version says CUDA, whether or not this one has it.
 * @returns its root
 */
function makeLibtorch({ root, version }: Libtorch, folder: string, hasCompiler: boolean): string {
  const made = join(folder, 'torch');
  rmSync(folder, { recursive: true, force: true });
  linkAll(join(root, 'lib'), join(made, 'lib'), (name) => name !== 'libtorch_cuda.so');
  cpSync(join(FOLDER, 'libtorch_cuda.so'), join(made, 'lib', 'libtorch_cuda.so'));
  const companions = join(folder, 'nvidia', 'cu13', 'lib');
  linkAll(join(dirname(root), 'nvidia', 'cu13', 'lib'), companions, (name) => !name.startsWith('libnvrtc'));
  if (hasCompiler) symlinkSync(join(COMPILER, 'libnvrtc.so.13'), join(companions, 'libnvrtc.so.13'));
  writeFileSync(join(made, 'build-version'), `${version.split('+')[0]}+cu130\n`);
  return made;
}

function linkAll(from: string, to: string, isWanted: (name: string) => boolean): void {
  mkdirSync(to, { recursive: true });
  if (!existsSync(from)) return;
  for (const name of readdirSync(from).filter(isWanted)) symlinkSync(join(from, name), join(to, name));
}
