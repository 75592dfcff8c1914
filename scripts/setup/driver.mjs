// @ts-check
import { run } from './child.mjs';

const asking = `
import ctypes
version = ctypes.c_int()
ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
print(version.value)
`;

/**
 * The newest CUDA that this machine's NVIDIA driver runs, by its major number; undefined where no driver answers. Python
 * asks it, for the addon may not be there yet.
 * @returns {Promise<number | undefined>}
 */
export async function newestCudaOfDriver() {
  const { succeeded, output } = await run('python3', ['-c', asking]);
  const version = Number(output);
  return succeeded && version > 0 ? Math.floor(version / 1000) : undefined;
}
