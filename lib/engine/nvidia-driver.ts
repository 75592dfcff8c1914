import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const libraryFolders = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/nvidia/lib64',
  '/usr/lib/wsl/lib',
];

/**
 * What shows that this machine has an NVIDIA driver: the path of its kernel module's folder or of its user library.
 * Reads the file system only, so that it can be asked before anything native is built.
 */
export function nvidiaDriver(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const searched = (environment['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const libraries = [...searched, ...libraryFolders].map((folder) => join(folder, 'libcuda.so.1'));
  return ['/proc/driver/nvidia', ...libraries].find((path) => existsSync(path));
}
