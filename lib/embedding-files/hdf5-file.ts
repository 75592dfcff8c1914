import type { Dataset, File, Group } from 'h5wasm/node';
import { importUnseen, optionalPackage } from './optional-package.js';
import type { MetadataValue } from './vector-table.js';

export type Hdf5 = typeof import('h5wasm/node');
export type { Dataset, File, Group };

/** @throws VirnucproError VNP_USAGE if h5wasm is not installed */
export async function loadHdf5(): Promise<Hdf5> {
  const hdf5 = await optionalPackage(() => importUnseen<Hdf5>('h5wasm/node'), 'h5wasm', 'write HDF5 files');
  await hdf5.ready;
  return hdf5;
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
