import { readFileSync } from 'node:fs';
import { expected, reasonOf, VirnucproError } from '../../errors.js';
import { addressSpaceOf } from './granted-resources.js';

const MIB = 2 ** 20;
/** With less, libtorch cannot be mapped, or aborts the process when a thread or a buffer does not fit (measured). */
const MIN_ADDRESS_SPACE = 1024 * MIB;

/** CPU flags of /proc/cpuinfo that the kernels for each value of ATEN_CPU_CAPABILITY need. */
const CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  avx2: ['avx2', 'fma'],
  avx512: ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'fma'],
};

/**
 * Refuses, before libtorch is loaded, conditions under which its libraries would end the process.
 *
 * @throws VirnucproError VNP_LIBTORCH, VNP_MEMORY
 */
export function refuseUnfitProcess(): void {
  refuseLostWorkingDirectory();
  refuseSmallAddressSpace();
  refuseMissingInstructions();
  refuseMalformedThreads();
}

/** The matrix library looks for its parts relative to the working directory. */
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

/** libtorch obeys the variable, and the process dies at the first instruction that the processor does not have. */
function refuseMissingInstructions(): void {
  const wanted = process.env['ATEN_CPU_CAPABILITY'] ?? '';
  const needed = process.arch === 'x64' ? CAPABILITIES[wanted] : undefined;
  const missing = needed?.filter((name) => !cpuFlags().has(name)) ?? [];
  if (missing.length === 0) return;
  throw expected(
    'VNP_LIBTORCH',
    'instructions that this processor has',
    'ATEN_CPU_CAPABILITY',
    `${wanted}, which needs ${missing.join(', ')}`,
    'Unset it',
  );
}

function cpuFlags(): ReadonlySet<string> {
  const [, flags = ''] = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? [];
  return new Set(flags.trim().split(' '));
}

/** GCC's OpenMP warns and ignores a value that is not a number; LLVM's and Intel's end the process, or hang. */
function refuseMalformedThreads(): void {
  const { OMP_NUM_THREADS: threads, LD_PRELOAD: libraries = '' } = process.env;
  if (threads === undefined || !/lib(omp|iomp5)\b[^/:\s]*\.so/.test(libraries)) return;
  if (/^\s*\d{1,5}(\s*,\s*\d{1,5})*\s*$/.test(threads)) return;
  const what = `${JSON.stringify(threads)}, on which the OpenMP in LD_PRELOAD would end the process`;
  throw expected('VNP_LIBTORCH', 'a number of threads', 'OMP_NUM_THREADS', what, 'Unset it or set it to a number');
}
