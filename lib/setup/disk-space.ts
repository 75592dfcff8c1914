import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { setupFailure } from './setup-failure.js';
import type { Wheel, WheelPlatform } from './wheel-table.js';

/** Measured: unpacked, libtorch and its companions take this many times the bytes of their wheels. */
const UNPACKED_RATIO = 2.1;

/** About what wheels of so many bytes take once unpacked. */
export function unpackedBytes(bytes: number): number {
  return bytes * UNPACKED_RATIO;
}

/**
 * Each wheel is removed before the next one is downloaded, so the disk holds one besides what is unpacked.
 * @throws VNP_LIBTORCH if the disk has too little space for these wheels
 */
export function refuseLittleSpace(cache: string, wheels: readonly Wheel[], platform: WheelPlatform): void {
  const sizes = wheels.map(({ files, bytes = 0 }) => files[platform]?.bytes ?? bytes);
  const needed = unpackedBytes(sizes.reduce((sum, size) => sum + size, 0)) + Math.max(0, ...sizes);
  let existing = cache;
  while (!existsSync(existing)) existing = dirname(existing);
  const free = freeSpace(existing);
  if (free === undefined || free >= needed) return;
  throw setupFailure(
    `libtorch needs ${gigabytes(needed)} but ${existing} has ${gigabytes(free)} free: make room, or ` +
      '`export VIRNUCPRO_CACHE=/a/larger/disk`, or `export LIBTORCH=/an/unpacked/libtorch`',
  );
}

/** Undefined if the system does not report it. */
function freeSpace(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
