import { readFileSync } from 'node:fs';
import { expected, reasonOf, VirnucproError } from '../../errors.js';
import { addressSpaceOf } from './granted-resources.js';

const MIB = 2 ** 20;
/** With less, libtorch cannot be mapped, or ends the process when a thread or a buffer finds no room (measured). */
const MIN_ADDRESS_SPACE = 1024 * MIB;

/** What the kernels of each value of ATEN_CPU_CAPABILITY are compiled for, by the names of /proc/cpuinfo. */
const CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  avx2: ['avx2', 'fma'],
  avx512: ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'fma'],
};

/**
 * Refuses, before libtorch is loaded, what its libraries end a process for.
 *
 * @throws VirnucproError VNP_LIBTORCH, VNP_MEMORY
 */
export function refuseUnfitProcess(): void {
  refuseLostWorkingDirectory();
  refuseSmallAddressSpace();
  refuseMissingInstructions();
  refuseMalformedThreads();
}

/** The matrix library looks for its parts relative to it. */
function refuseLostWorkingDirectory(): void {
  try {
    process.cwd();
  } catch (cause) {
    throw new VirnucproError(
      'VNP_LIBTORCH',
      `The working directory was removed, or its path is too long (${reasonOf(cause)}). ` +
        'Change to another directory, then run again',
      { cause },
    );
  }
}

function refuseSmallAddressSpace(): void {
  const { limit, left } = addressSpaceOf();
  if (left >= MIN_ADDRESS_SPACE) return;
  const mib = (bytes: number): string => `${Math.floor(bytes / MIB)} MiB`;
  throw new VirnucproError(
    'VNP_MEMORY',
    `libtorch needs ${mib(MIN_ADDRESS_SPACE)} of address space, but only ${mib(left)} are left of a limit of ` +
      `${mib(limit)} (ulimit -v). Raise that limit, or ask the batch system for more`,
  );
}

/** libtorch does as it is told, and the system ends the process at the first instruction that the processor does not have. */
function refuseMissingInstructions(): void {
  const wanted = process.env['ATEN_CPU_CAPABILITY'] ?? '';
  const needed = process.arch === 'x64' ? CAPABILITIES[wanted] : undefined;
  const missing = needed?.filter((name) => !cpuFlags().has(name)) ?? [];
  if (missing.length === 0) return;
  throw expected(
    'VNP_LIBTORCH',
    'instructions that this processor has',
    'ATEN_CPU_CAPABILITY',
    `${wanted}, without ${missing.join(', ')}`,
    'Unset it',
  );
}

function cpuFlags(): ReadonlySet<string> {
  const [, flags = ''] = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? [];
  return new Set(flags.trim().split(' '));
}

/** GCC's OpenMP ignores what is no number, after a warning; LLVM's and Intel's end the process, or never answer. */
function refuseMalformedThreads(): void {
  const { OMP_NUM_THREADS: threads, LD_PRELOAD: libraries = '' } = process.env;
  if (threads === undefined || !/lib(omp|iomp5)\b[^/:\s]*\.so/.test(libraries)) return;
  if (/^\s*\d{1,5}(\s*,\s*\d{1,5})*\s*$/.test(threads)) return;
  const what = `${JSON.stringify(threads)}, for which the OpenMP of LD_PRELOAD ends the process`;
  throw expected('VNP_LIBTORCH', 'a number of threads', 'OMP_NUM_THREADS', what, 'Unset it or set it to a number');
}
