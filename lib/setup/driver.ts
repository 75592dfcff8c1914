import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { OLDEST_DRIVERS } from '../engine/libtorch/cuda.js';
import { driverLibraries } from '../engine/libtorch/find-libtorch.js';

const KERNEL_MODULE = '/proc/driver/nvidia/version';
const PROGRAM_TIMEOUT_MS = 10_000;

/**
 * Major number of the newest CUDA that this machine's NVIDIA driver supports, by the driver's version; undefined if that
 * cannot be determined. Needs nothing native, since the addon may not be there yet.
 */
export function newestCudaOfDriver(environment: NodeJS.ProcessEnv = process.env): number | undefined {
  const driver = versionOfLibrary(environment) ?? versionOfKernelModule() ?? versionByProgram(environment);
  if (driver === undefined) return undefined;
  const supported = [...OLDEST_DRIVERS].filter(([, oldest]) => driver >= oldest).map(([cuda]) => cuda);
  return supported.length > 0 ? Math.max(...supported) : undefined;
}

/** libcuda.so.1 links to a file that is named after the driver, such as libcuda.so.580.65.06. */
function versionOfLibrary(environment: NodeJS.ProcessEnv): number | undefined {
  const library = driverLibraries(environment).find((path) => existsSync(path));
  const [, version] =
    /^libcuda\.so\.(\d{3,})\./.exec(library === undefined ? '' : basename(realpathSync(library))) ?? [];
  return version === undefined ? undefined : Number(version);
}

function versionOfKernelModule(): number | undefined {
  if (!existsSync(KERNEL_MODULE)) return undefined;
  const [, version] = /^NVRM version:.*?\s(\d{3,})\.\d/m.exec(readFileSync(KERNEL_MODULE, 'utf8')) ?? [];
  return version === undefined ? undefined : Number(version);
}

/** In Windows Subsystem for Linux neither a file nor the kernel names the version. */
function versionByProgram(environment: NodeJS.ProcessEnv): number | undefined {
  try {
    const output = execFileSync('nvidia-smi', ['--query-gpu=driver_version', '--format=csv,noheader'], {
      encoding: 'utf8',
      env: environment,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PROGRAM_TIMEOUT_MS,
    });
    return Number(/^(\d{3,})\./m.exec(output)?.[1] ?? NaN) || undefined;
  } catch {
    return undefined;
  }
}
