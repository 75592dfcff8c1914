import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KernelCompiler, NativeDriver } from '../addon.js';
import { cacheFolder, cudaVersionOf, setupCommandForCuda } from './find-libtorch.js';
import type { Libtorch } from './find-libtorch.js';
import { sectionOf } from './elf-file.js';

/**
 * The oldest NVIDIA driver by major version of CUDA: within a major version, a driver also runs code built for newer
 * minor versions (NVIDIA's CUDA Compatibility, "Minor Version Compatibility").
 */
export const OLDEST_DRIVERS: ReadonlyMap<number, number> = new Map([
  [11, 450],
  [12, 525],
  [13, 580],
]);

/** Why the driver cannot run the CUDA version of this libtorch, and the remedy; undefined if it can, or if unknown. */
export function driverProblem(
  { version, cuda }: NativeDriver,
  libtorch: Libtorch,
): { reason: string; next: string } | undefined {
  const made = cudaVersionOf(libtorch);
  if (made === undefined || parseInt(made, 10) <= parseInt(cuda, 10)) return undefined;
  const reason = `driver ${version && `${version} `}supports CUDA up to ${cuda}, but libtorch ${libtorch.version} is built for CUDA ${made}`;
  const driver = OLDEST_DRIVERS.get(parseInt(made, 10));
  const newer = driver === undefined ? 'a newer NVIDIA driver' : `NVIDIA driver ${driver} or newer`;
  // CUDA 12 is the oldest that this release of libtorch is built for.
  const other = parseInt(cuda, 10) >= 12 ? `, or a libtorch for CUDA 12 (${setupCommandForCuda(12)})` : '';
  return { reason, next: `Install ${newer}${other}` };
}

/** Magic number of a region of kernels, as found in libtorch's own builds and read by cuobjdump; little-endian. */
const REGION_MAGIC = 0xba55ed50;
const REGION_BYTES = 16;
const ENTRY_BYTES = 32;
const PTX = 1;

/**
 * The compute capabilities that a CUDA library has kernels for, in the notation of TORCH_CUDA_ARCH_LIST: `8.6` for
 * machine code of that capability, `12.0+PTX` for code that the driver can recompile for newer ones. Read from the
 * library's first region of kernels: libtorch compiles every source for all of these, and some for more.
 * @returns undefined if they cannot be read from the library
 */
export function kernelTargets(path: string): string[] | undefined {
  const section = sectionOf(path, '.nv_fatbin');
  if (!section || section.size < REGION_BYTES) return undefined;
  const file = openSync(path, 'r');
  try {
    return targetsOfRegion(file, section.offset);
  } finally {
    closeSync(file);
  }
}

function targetsOfRegion(file: number, start: number): string[] | undefined {
  const header = Buffer.alloc(REGION_BYTES);
  readSync(file, header, 0, header.length, start);
  if (header.readUInt32LE(0) !== REGION_MAGIC) return undefined;
  const first = start + header.readUInt16LE(6);
  const end = first + Number(header.readBigUInt64LE(8));
  const targets = new Set<string>();
  const entry = Buffer.alloc(ENTRY_BYTES);
  for (let position = first; position < end;) {
    if (readSync(file, entry, 0, entry.length, position) < entry.length) return undefined;
    const architecture = entry.readUInt32LE(28);
    const capability = `${Math.floor(architecture / 10)}.${architecture % 10}`;
    targets.add(entry.readUInt16LE(0) === PTX ? `${capability}+PTX` : capability);
    const bytes = entry.readUInt32LE(4) + Number(entry.readBigUInt64LE(8));
    if (bytes === 0) return undefined;
    position += bytes;
  }
  return targets.size > 0 ? [...targets] : undefined;
}

/**
 * Machine code runs on capabilities with the same major number and the same or a higher minor one; PTX runs on every
 * capability that is not lower (CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility").
 * @param capability e.g. `8.9`
 */
export function hasKernelsFor(capability: string, targets: readonly string[]): boolean {
  const [major, minor] = numbersOf(capability);
  return targets.some((target) => {
    const [ofMajor, ofMinor] = numbersOf(target);
    if (ofMajor === major) return ofMinor <= minor;
    return target.endsWith('+PTX') && ofMajor < major;
  });
}

function numbersOf(capability: string): [major: number, minor: number] {
  const [major = 0, minor = 0] = capability.split('.').map((number) => parseInt(number, 10));
  return [major, minor];
}

/**
 * The compiler for this project's CUDA kernels, and their cache; undefined if `VIRNUCPRO_CUDA_KERNELS` is 0: then
 * libtorch's operators compute everything.
 */
export function kernelCompiler(
  libtorch: Pick<Libtorch, 'root' | 'version'>,
  environment: NodeJS.ProcessEnv = process.env,
): KernelCompiler | undefined {
  if (environment['VIRNUCPRO_CUDA_KERNELS'] === '0') return undefined;
  return { ...findNvrtc(libtorch), cache: join(cacheFolder(environment), 'cuda-kernels') };
}

const LIBRARY = /^libnvrtc(-[0-9a-f]+)?\.so(\.\d+)*$/;
const BUILTINS = /^libnvrtc-builtins(-[0-9a-f]+)?\.so(\.\d+)*$/;

/** CUDA's compiler next to this libtorch, else the name that the system's linker may find it by. Never fails. */
function findNvrtc({ root, version }: Pick<Libtorch, 'root' | 'version'>): { nvrtc: string; builtins?: string } {
  for (const folder of folders(root)) {
    const names = namesIn(folder);
    const library = names.find((name) => LIBRARY.test(name));
    if (library === undefined) continue;
    const builtins = names.find((name) => BUILTINS.test(name));
    return { nvrtc: join(folder, library), ...(builtins !== undefined && { builtins: join(folder, builtins) }) };
  }
  const cuda = /\+cu(\d+)\d$/.exec(version)?.[1];
  return { nvrtc: cuda === undefined ? 'libnvrtc.so' : `libnvrtc.so.${cuda}` };
}

/** Folders of the CUDA 13 packages, of the CUDA 12 packages, and of a libtorch archive itself. */
function folders(root: string): string[] {
  const companions = join(dirname(root), 'nvidia');
  const toolkits = namesIn(companions).filter((name) => /^cu\d+$/.test(name));
  return [
    ...toolkits.map((name) => join(companions, name, 'lib')),
    join(companions, 'cuda_nvrtc', 'lib'),
    join(root, 'lib'),
  ];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
