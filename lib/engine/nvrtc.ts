import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KernelCompiler } from './addon.js';
import { cacheFolder } from './cache-folder.js';
import type { Libtorch } from './libtorch.js';

/**
 * What this project's kernels for NVIDIA GPUs are compiled with, and where they are kept; nothing where
 * `VIRNUCPRO_CUDA_KERNELS` is 0: then libtorch's operators compute everything.
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

/** CUDA's own compiler beside this libtorch; else the name that the system may know it by. Never fails. */
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

/** The packages of CUDA 13, those of CUDA 12, and what comes inside a libtorch archive. */
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
