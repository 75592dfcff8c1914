import { cpSync, existsSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { importModel } from '../../lib/models/import/import-model.js';
import type { ImportRequest } from '../../lib/models/import/import-model.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { fixture, repositoryRoot } from '../repository.js';

/** The program in a folder of its own, as in an installed package, but without the shipped models. */
export function copyProgram(folder: string): string {
  mkdirSync(join(folder, 'dist'), { recursive: true });
  for (const name of ['bin', join('dist', 'lib'), 'package.json'])
    cpSync(join(repositoryRoot, name), join(folder, name), { recursive: true });
  for (const name of ['node_modules', 'build', 'prebuilds'])
    if (existsSync(join(repositoryRoot, name))) symlinkSync(join(repositoryRoot, name), join(folder, name));
  return join(folder, 'bin', 'virnucpro.js');
}

/** Ships the golden model with a copy of the program, under any name. Returns its folder. */
export async function shipGoldenModel(program: string, name: string, changes: Partial<ImportRequest>): Promise<string> {
  const root = dirname(dirname(program));
  const { folder } = await importModel({
    name,
    protein: fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
    dna: fixture('golden', 'dnabert'),
    classifier: fixture('golden', 'classifier.pth'),
    chunkSize: 500,
    registry: new ModelRegistry(join(root, 'made')),
    addon: loadAddon().addon,
    ...changes,
  });
  const place = join(root, 'models', name);
  mkdirSync(dirname(place), { recursive: true });
  renameSync(folder, place);
  return place;
}
