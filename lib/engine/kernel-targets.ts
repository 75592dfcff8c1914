import { closeSync, openSync, readSync } from 'node:fs';
import { sectionOf } from './elf-file.js';

/** Of a region of kernels, as cuobjdump and libtorch's own builds have them: 0xBA55ED50, little-endian. */
const REGION_MAGIC = 0xba55ed50;
const REGION_BYTES = 16;
const ENTRY_BYTES = 32;
const PTX = 1;

/**
 * Which compute capabilities a CUDA library has kernels for, in the notation of TORCH_CUDA_ARCH_LIST: `8.6` for code of
 * that capability, `12.0+PTX` for code that the driver compiles anew for newer ones. From the library's first region of
 * kernels: libtorch compiles every source for all of them, and some for more.
 * @returns undefined where the library does not tell
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
 * Code of a capability runs on those of the same first number and the same or a higher second one; PTX on every one that is
 * not lower (CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility").
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
