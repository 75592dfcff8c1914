import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { skip } from '../skipped.js';
import { DRIVER, EMULATION, ensureBuilt, FOLDER, LIBTORCH, LIBTORCH_WITHOUT_COMPILER, missingTools } from './build.js';
import { settingsOf, type SimulatedMachine } from './machine.js';

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
  /** Skips the suite where GPUs cannot be simulated, and says why. */
  static build(context: Mocha.Context): SimulatedGpus {
    const reason = SimulatedGpus.missing();
    if (reason !== undefined) skip(context, reason);
    return SimulatedGpus.make();
  }

  /** What GPUs cannot be simulated without; undefined when all is there. */
  static missing(): string | undefined {
    return missingTools();
  }

  static make(): SimulatedGpus {
    ensureBuilt();
    return new SimulatedGpus();
  }

  /**
   * Runs scenarios of probe.cc on this machine.
   * @returns what each of them says, `right` or `wrong`, and how the program ended
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

  /** The environment in which `virnucpro`, or any program that uses the package, finds this machine. */
  environment(machine: SimulatedMachine): Record<string, string> {
    const { compiler = true, cache = keptKernels() } = machine.kernels ?? {};
    const variables: NodeJS.ProcessEnv = {
      ...process.env,
      ...settingsOf(machine),
      FAKE_NVRTC_EMULATION: join(EMULATION, 'emulation.h'),
      VIRNUCPRO_CACHE: cache,
      LIBTORCH: compiler ? LIBTORCH : LIBTORCH_WITHOUT_COMPILER,
      LD_LIBRARY_PATH: [DRIVER, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':'),
      // What the tests use, which was found with another libtorch.
      VIRNUCPRO_ADDON: dirname(loadAddon().path),
    };
    delete variables['CUDA_VISIBLE_DEVICES'];
    delete variables['CUDA_DEVICE_ORDER'];
    return variables as Record<string, string>;
  }
}

/** A folder of its own for each emulation, which a compiled kernel has in it. */
function keptKernels(): string {
  const texts = readdirSync(EMULATION).map((name) => readFileSync(join(EMULATION, name)));
  const hash = texts.reduce((sum, text) => sum.update(text), createHash('sha256'));
  return join(FOLDER, 'cache', hash.digest('hex').slice(0, 16));
}
