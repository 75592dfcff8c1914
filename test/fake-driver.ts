import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon } from '../lib/engine/libtorch/load.js';
import { fixture } from './repository.js';

/** Why the fake driver cannot be built; undefined if it can. */
export function noCompiler(): string | undefined {
  const { error } = spawnSync('cc', ['--version']);
  return error && 'cc, the C compiler, is missing; install gcc (apt-get install gcc, dnf install gcc)';
}

/** File names that programs look for, with their sources. */
const LIBRARIES = {
  cuda: { name: 'libcuda.so.1', sources: ['cuda.c', 'kernels.c'] },
  nvml: { name: 'libnvidia-ml.so.1', sources: ['nvml.c'] },
  nvrtc: { name: 'libnvrtc.so.13', sources: ['nvrtc.c'] },
} as const;

/** Compiles libraries of test/fixtures/fake-driver into a folder for LD_LIBRARY_PATH. */
export function compileFakeDriver(folder: string, libraries: readonly (keyof typeof LIBRARIES)[]): void {
  mkdirSync(folder, { recursive: true });
  for (const library of libraries) {
    const { name, sources } = LIBRARIES[library];
    const paths = sources.map((source) => fixture('fake-driver', source));
    const words = ['-shared', '-fPIC', '-Wall', '-Werror', '-o', join(folder, name), ...paths];
    const { status, stderr } = spawnSync('cc', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`cc did not compile ${paths.join(' ')}: ${stderr}`);
  }
}

/** Makes a copy of this machine's libtorch without its CUDA half in `folder`, by links, and returns its root. */
export function libtorchWithoutCuda(folder: string): string {
  const { libtorch } = loadAddon();
  const root = join(folder, 'torch');
  mkdirSync(join(root, 'lib'), { recursive: true });
  for (const name of readdirSync(join(libtorch.root, 'lib'))) {
    if (!name.startsWith('libtorch_cuda')) symlinkSync(join(libtorch.root, 'lib', name), join(root, 'lib', name));
  }
  const companions = join(dirname(libtorch.root), 'nvidia');
  if (existsSync(companions)) symlinkSync(companions, join(folder, 'nvidia'));
  writeFileSync(join(root, 'build-version'), libtorch.version);
  return root;
}
