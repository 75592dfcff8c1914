import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { skip } from '../skipped.js';
import { DRIVER, EMULATION, ensureBuilt, FOLDER, LIBTORCH, LIBTORCH_WITHOUT_COMPILER, missingTools } from './build.js';
import { settingsOf, type SimulatedMachine } from './machine.js';

/** Milliseconds until a program is killed; only one that hangs takes so long. */
const PATIENCE = 5 * 60_000;

export interface ProbeResult {
  /** By scenario. */
  readonly said: Readonly<Record<string, string>>;
  /** Exit code, or the signal that killed it. */
  readonly end: number | string;
  readonly errors: string;
}

/** A libtorch with a simulated CUDA half, and its driver. */
export class SimulatedGpus {
  /** Skips the suite, with the reason, if GPUs cannot be simulated. */
  static build(context: Mocha.Context): SimulatedGpus {
    const reason = SimulatedGpus.missing();
    if (reason !== undefined) skip(context, reason);
    return SimulatedGpus.make();
  }

  /** What is missing to simulate GPUs; undefined if nothing is. */
  static missing(): string | undefined {
    return missingTools();
  }

  static make(): SimulatedGpus {
    ensureBuilt();
    return new SimulatedGpus();
  }

  /**
   * Runs scenarios of probe.cc on this machine.
   * @returns the answer of each, `right` or `wrong`, and how the program ended
   */
  probe(machine: SimulatedMachine, scenarios: readonly string[]): ProbeResult {
    const libraries = join(LIBTORCH, 'lib');
    const environment = this.environment(machine);
    const env = { ...environment, LD_LIBRARY_PATH: `${environment['LD_LIBRARY_PATH']}:${libraries}` };
    const args = ['libcuda.so.1', join(libraries, 'libtorch_cuda.so'), '--', ...scenarios];
    const ended = spawnSync(join(FOLDER, 'probe'), args, { encoding: 'utf8', env, timeout: PATIENCE });
    const lines = ended.stdout.trimEnd().split('\n');
    const said = Object.fromEntries(lines.filter(Boolean).map((line) => line.split(' ') as [string, string]));
    return { said, end: ended.status ?? ended.signal ?? 'unknown', errors: ended.stderr };
  }

  /** Runs a program of the tests on this machine. @returns what it has printed, read as JSON */
  async resultOf(program: string, args: readonly string[], machine: SimulatedMachine): Promise<unknown> {
    const env = this.environment(machine);
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { env });
    return JSON.parse(stdout);
  }

  /** The environment in which `virnucpro`, or any program that uses the package, sees this machine. */
  environment(machine: SimulatedMachine): Record<string, string> {
    const { compiler = true, cache = keptKernels() } = machine.kernels ?? {};
    const variables: NodeJS.ProcessEnv = {
      ...process.env,
      ...settingsOf(machine),
      FAKE_NVRTC_EMULATION: join(EMULATION, 'emulation.h'),
      VIRNUCPRO_CACHE: cache,
      LIBTORCH: compiler ? LIBTORCH : LIBTORCH_WITHOUT_COMPILER,
      LD_LIBRARY_PATH: [DRIVER, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':'),
      // The tests' own addon, which was found with another libtorch.
      VIRNUCPRO_ADDON: dirname(loadAddon().path),
    };
    delete variables['CUDA_VISIBLE_DEVICES'];
    delete variables['CUDA_DEVICE_ORDER'];
    return variables as Record<string, string>;
  }
}

/** A folder of its own for each version of the emulation, which is compiled into every kernel. */
function keptKernels(): string {
  const texts = readdirSync(EMULATION).map((name) => readFileSync(join(EMULATION, name)));
  const hash = texts.reduce((sum, text) => sum.update(text), createHash('sha256'));
  return join(FOLDER, 'cache', hash.digest('hex').slice(0, 16));
}
