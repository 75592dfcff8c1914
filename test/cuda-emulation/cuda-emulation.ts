import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { repositoryRoot } from '../repository.js';
import { forgetMovedBuild } from '../simulated-gpu/build.js';
import { skip } from '../skipped.js';
import type { NvrtcLibraries } from './nvrtc.js';

const SOURCES = join(repositoryRoot, 'test', 'cuda-emulation');
/** Kept between runs, so that only what changed is compiled. */
const FOLDER = join(repositoryRoot, 'build', 'cuda-emulation');

export type KernelElement = 'float' | 'half' | 'bfloat16';

/** Bytes read from memory, read again from a GPU's caches, and written. */
export type Traffic = readonly [read: number, again: number, written: number];

/** A kernel's results compared with libtorch's. */
export interface Comparison {
  readonly what: string;
  /** The largest error, as a fraction of what rounding allows. */
  readonly fractionOfAllowed: number;
  readonly sameInEveryOrder: boolean;
  readonly moved: Traffic;
  /** According to the comment at the head of the kernel's source. */
  readonly stated: Traffic;
}

export interface GpuTarget {
  readonly element: KernelElement;
  /** 90 for 9.0. */
  readonly capability: number;
  readonly kernels: readonly string[];
}

export interface Ended {
  readonly output: string;
  readonly errors: string;
  /** Exit code, or the signal that ended it. */
  readonly end: number | string;
}

/** The kernels of csrc/cuda_kernels, compiled for the host, and the programs that use them. */
export class CudaEmulation {
  readonly #libraries: string;

  private constructor(libraries: string) {
    this.#libraries = libraries;
  }

  /** Compiles what changed (all of it takes most of a minute); skips the suite if it cannot be compiled here. */
  static build(context: Mocha.Context): CudaEmulation {
    for (const [program, advice] of [
      ['c++', 'install g++ (apt-get install g++, dnf install gcc-c++)'],
      ['cmake', 'install it with the package manager of this system'],
      ['flock', 'install util-linux with the package manager of this system'],
    ] as const) {
      if (spawnSync(program, ['--version']).error) skip(context, `${program} is missing: ${advice}`);
    }
    const { root } = loadAddon().libtorch;
    if (!existsSync(join(root, 'include'))) skip(context, `${root} has no headers to compile with`);
    const generator = spawnSync('ninja', ['--version']).error ? [] : ['-G', 'Ninja'];
    // Test files run in parallel: one process builds, and the others find it done.
    mkdirSync(dirname(FOLDER), { recursive: true });
    forgetMovedBuild(FOLDER, SOURCES);
    const alone = [`${FOLDER}.lock`, 'cmake'];
    run('flock', [...alone, '-S', SOURCES, '-B', FOLDER, ...generator, `-DLIBTORCH=${root}`]);
    run('flock', [...alone, '--build', FOLDER, '--parallel', '2']);
    return new CudaEmulation(join(root, 'lib'));
  }

  /** Compares a kernel with libtorch, run as by a device of this compute capability (90 for 9.0). */
  compare(kernel: string, element: KernelElement, capability: number): Comparison[] {
    const words = [join(FOLDER, `${element}-${capability}`), element, String(capability), kernel];
    const { output, errors, end } = this.#run('check_kernels', words);
    if (end !== 0) throw new Error(`check_kernels ${words.join(' ')} ended with ${end}: ${errors}`);
    return output.split('\n').map((line) => JSON.parse(line) as Comparison);
  }

  /** Runs faulty.cu with one of its faults; 0: none. */
  runFaulty(fault: number): Ended {
    return this.#run('run_faulty', [join(FOLDER, 'faulty'), String(fault)]);
  }

  /** Compiles kernels with NVRTC into `folder`, as `<kernel>.cubin`. */
  async compileForGpu(nvrtc: NvrtcLibraries, target: GpuTarget, folder: string): Promise<void> {
    const { element, capability, kernels } = target;
    const words = [nvrtc.library, nvrtc.builtins, String(capability), element, folder, ...kernels];
    await promisify(execFile)(join(FOLDER, 'compile_kernels'), words);
  }

  #run(program: string, words: readonly string[]): Ended {
    const path = [this.#libraries, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(delimiter);
    const ended = spawnSync(join(FOLDER, program), words, {
      encoding: 'utf8',
      env: { ...process.env, LD_LIBRARY_PATH: path },
    });
    return {
      output: ended.stdout.trimEnd(),
      errors: ended.stderr,
      end: ended.status ?? ended.signal ?? 'unknown',
    };
  }
}

function run(program: string, words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${program} ${words.join(' ')} failed:\n${stdout}\n${stderr}`);
}
