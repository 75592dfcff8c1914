import { rm } from 'node:fs/promises';
import type { Dataset, File, Group } from 'h5wasm/node';
import { reasonOf } from '../errors.js';
import { outputError } from '../output/output-error.js';
import { importUnseen, optionalPackage } from './optional-package.js';
import type { MetadataValue } from './vector-table.js';

export type Hdf5 = typeof import('h5wasm/node');
export type { Dataset, File, Group };

async function loadHdf5(): Promise<Hdf5> {
  const hdf5 = await optionalPackage(() => importUnseen<Hdf5>('h5wasm/node'), 'h5wasm', 'write HDF5 files');
  await hdf5.ready;
  return hdf5;
}

/**
 * Begins a file with `begin`; where that fails, no file stays.
 * @throws VirnucproError VNP_USAGE if h5wasm is not installed, VNP_OUTPUT
 */
export async function beginHdf5<Begun>(path: string, shownPath: string, begin: (hdf5: Hdf5) => Begun): Promise<Begun> {
  const hdf5 = await loadHdf5();
  try {
    return orThrow(hdf5, () => begin(hdf5));
  } catch (cause) {
    await rm(path, { force: true }).catch(() => undefined);
    throw outputError('cannot be written', shownPath, cause);
  }
}

/** Of the library's module; its types leave them out. */
interface ErrorHandling {
  activate_throwing_error_handler(): void;
  deactivate_throwing_error_handler(): void;
}

/** Numbers of the errors of the system, as in WASI. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  19: 'EDQUOT',
  22: 'EFBIG',
  29: 'EIO',
  51: 'ENOSPC',
  69: 'EROFS',
};

/**
 * Takes a step that throws when it fails: by itself the library prints what failed, and goes on. What it does then is
 * one setting for the whole process, whose caller may use the library, too: it is changed for this step only.
 * @throws Error with the system's message and, where it is known, code
 */
export function orThrow<Result>(hdf5: Hdf5, step: () => Result): Result {
  const handling = hdf5.Module as unknown as ErrorHandling;
  handling.activate_throwing_error_handler();
  try {
    return step();
  } catch (cause) {
    throw shortened(cause);
  } finally {
    handling.deactivate_throwing_error_handler();
  }
}

/** One line of what the library says in many: the system's message, else what the outermost function could not do. */
function shortened(cause: unknown): Error {
  const text = reasonOf(cause);
  const [, number = '', ofSystem] = /errno = (\d+), error message = '([^']*)'/.exec(text) ?? [];
  const ofLibrary = /#000: .*\(\): (.+)/.exec(text)?.[1];
  const reason = ofSystem ?? ofLibrary ?? (text.split('\n')[0] || 'the HDF5 library does not say why');
  return Object.assign(new Error(reason, { cause }), { code: SYSTEM_ERRORS[number] });
}

/** Creates a file on the disk: for Node the library writes there, not into its own memory. */
export function newHdf5File(hdf5: Hdf5, path: string, metadata: Readonly<Record<string, MetadataValue>>): File {
  // With the first format, libraries of any age read it.
  const file = new hdf5.File(path, 'x', { libver: ['earliest', 'v110'] });
  for (const [name, value] of Object.entries(metadata)) setAttribute(file, name, value);
  return file;
}

export function setAttribute(place: Group | Dataset, name: string, value: MetadataValue): void {
  if (typeof value === 'string') place.create_attribute(name, value, [], 'S');
  else if (typeof value === 'number') place.create_attribute(name, Int32Array.of(value), [], '<i');
  else place.create_attribute(name, Int32Array.from(value), null, '<i');
}
