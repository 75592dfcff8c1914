import { reasonOf, VirnucproError } from '../errors.js';
import { addressSpaceOf } from './granted-resources.js';

const MIB = 2 ** 20;
/** With less, libtorch cannot be mapped, or ends the process when a thread or a buffer finds no room (measured). */
const LEAST_ADDRESS_SPACE = 1024 * MIB;

/**
 * Refuses, before libtorch is loaded, what its libraries end a process for.
 *
 * @throws VirnucproError VNP_LIBTORCH, VNP_MEMORY
 */
export function refuseUnfitProcess(): void {
  refuseLostWorkingDirectory();
  refuseSmallAddressSpace();
}

/** The matrix library looks for its parts relative to it. */
function refuseLostWorkingDirectory(): void {
  try {
    process.cwd();
  } catch (cause) {
    throw new VirnucproError(
      'VNP_LIBTORCH',
      `Expected a working directory that can be told but it was removed, or its path is too long (${reasonOf(cause)}). ` +
        'Change to another directory, then run again',
      { cause },
    );
  }
}

function refuseSmallAddressSpace(): void {
  const { limit, left } = addressSpaceOf();
  if (left >= LEAST_ADDRESS_SPACE) return;
  const mib = (bytes: number): string => `${Math.floor(bytes / MIB)} MiB`;
  throw new VirnucproError(
    'VNP_MEMORY',
    `Expected ${mib(LEAST_ADDRESS_SPACE)} of address space for libtorch but ${mib(left)} are left of a limit of ` +
      `${mib(limit)} (ulimit -v). Raise that limit, or ask the batch system for more`,
  );
}
