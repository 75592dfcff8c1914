import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon } from '../../lib/engine/load.js';
import type { Libtorch } from '../../lib/engine/libtorch.js';
import { compileFakeDriver, noCompiler } from '../fake-driver.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { settingsOf, type SimulatedMachine } from './machine.js';

const SOURCES = join(repositoryRoot, 'test', 'simulated-gpu');
/** Kept between runs: what has not changed is not compiled again. */
const FOLDER = join(repositoryRoot, 'build', 'simulated-gpu');

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
  readonly #driver: string;

  private constructor(libtorch: string, driver: string) {
    this.#libtorch = libtorch;
    this.#driver = driver;
  }

  /** Compiles what has changed (all of it takes most of a minute) and skips the suite where it cannot be compiled. */
  static build(context: Mocha.Context): SimulatedGpus {
    const reason = noCompiler() ?? noCmake();
    if (reason !== undefined) skip(context, reason);
    const { libtorch } = loadAddon();
    if (!existsSync(join(libtorch.root, 'include'))) skip(context, `${libtorch.root} has no headers to compile with`);
    compile(libtorch.root);
    const driver = join(FOLDER, 'driver');
    compileFakeDriver(driver, ['cuda', 'nvml']);
    return new SimulatedGpus(makeLibtorch(libtorch), driver);
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
    const variables: NodeJS.ProcessEnv = {
      ...process.env,
      ...settingsOf(machine),
      LIBTORCH: this.#libtorch,
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
  const generator = spawnSync('ninja', ['--version']).error ? [] : ['-G', 'Ninja'];
  run('cmake', ['-S', SOURCES, '-B', FOLDER, ...generator, `-DLIBTORCH=${libtorch}`]);
  run('cmake', ['--build', FOLDER, '--parallel', '2']);
}

function run(program: string, words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${program} ${words.join(' ')} failed:\n${stdout}\n${stderr}`);
}

/** All of this libtorch's files but for its CUDA half. The version says CUDA, whether or not this one has it. */
function makeLibtorch({ root, version }: Libtorch): string {
  const folder = join(FOLDER, 'libtorch');
  const made = join(folder, 'torch');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(made, 'lib'), { recursive: true });
  for (const name of readdirSync(join(root, 'lib'))) {
    if (name !== 'libtorch_cuda.so') symlinkSync(join(root, 'lib', name), join(made, 'lib', name));
  }
  cpSync(join(FOLDER, 'libtorch_cuda.so'), join(made, 'lib', 'libtorch_cuda.so'));
  const companions = join(dirname(root), 'nvidia');
  if (existsSync(companions)) symlinkSync(companions, join(folder, 'nvidia'));
  writeFileSync(join(made, 'build-version'), `${version.split('+')[0]}+cu130\n`);
  return made;
}
