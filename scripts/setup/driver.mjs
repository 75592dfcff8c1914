// @ts-check
import { run } from './child.mjs';

const asking = `
import ctypes
version = ctypes.c_int()
ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
print(version.value)
`;

/**
 * Major number of the newest CUDA that this machine's NVIDIA driver supports; undefined if no driver answers. Asked
 * through Python, since the addon may not be built yet.
 * @returns {Promise<number | undefined>}
 */
export async function newestCudaOfDriver() {
  const { succeeded, output } = await run('python3', ['-c', asking]);
  const version = Number(output);
  return succeeded && version > 0 ? Math.floor(version / 1000) : undefined;
}
