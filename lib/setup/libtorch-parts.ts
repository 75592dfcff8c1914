import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { libtorchWheels, titleOf } from './wheel-table.js';
import type { CudaMajor, Wheel } from './wheel-table.js';

/** A folder of libtorch in the cache that is put in place as a whole. */
export interface LibtorchPart {
  readonly name: 'torch' | 'nvidia';
  readonly wheels: readonly Wheel[];
  /** Which files of the wheels are unpacked. */
  readonly kept: RegExp;
}

/** A file inside a part that lists the wheels it was made of. */
export const PART_RECORD = 'virnucpro-wheels.json';

const METADATA = '^[^/]+\\.dist-info/(METADATA|licenses/|LICENSE|NOTICE|License)';
/** Without Python's own modules and the libraries that only those load. */
const TORCH_FILES = new RegExp(
  `^torch/(lib/(?!libtorch_python|libshm)|include/|share/cmake/|version\\.py$)|${METADATA}`,
);
const NVIDIA_FILES = new RegExp(`^nvidia/.*\\.so(\\.[0-9]+)*$|${METADATA}`);

export function partsFor(cuda: boolean, major: CudaMajor): LibtorchPart[] {
  const { torch, companions, cudaCompanions } = libtorchWheels[major];
  return [
    { name: 'torch', wheels: [torch], kept: TORCH_FILES },
    { name: 'nvidia', wheels: cuda ? [...companions, ...cudaCompanions] : companions, kept: NVIDIA_FILES },
  ];
}

/** Those that the folder lacks, or has of other wheels. */
export function missingParts(folder: string, parts: readonly LibtorchPart[]): LibtorchPart[] {
  return parts.filter(({ name, wheels }) => {
    const record = join(folder, name, PART_RECORD);
    if (!existsSync(record)) return true;
    const present = JSON.parse(readFileSync(record, 'utf8')) as string[];
    return !wheels.every((wheel) => present.includes(titleOf(wheel)));
  });
}

/**
 * Puts an unpacked part in place. The part itself comes last and by one rename, so that it is complete or absent.
 * @param tree where the wheels were unpacked
 * @param folder of libtorch in the cache
 * @param replaced receives what was in their place
 */
export function putPartInPlace(part: LibtorchPart, tree: string, folder: string, replaced: string): void {
  writeFileSync(join(tree, part.name, PART_RECORD), JSON.stringify(part.wheels.map(titleOf), undefined, 2));
  mkdirSync(folder, { recursive: true });
  mkdirSync(replaced, { recursive: true });
  const names = readdirSync(tree).sort((one, other) => Number(isMetadata(other)) - Number(isMetadata(one)));
  for (const name of names) {
    if (existsSync(join(folder, name))) renameSync(join(folder, name), join(replaced, name));
    renameSync(join(tree, name), join(folder, name));
  }
}

function isMetadata(name: string): boolean {
  return name.endsWith('.dist-info');
}
