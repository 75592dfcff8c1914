// @ts-check
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { existingEnvironment, pythonEnvironment as provide } from '../../scripts/python/environment.mjs';

/**
 * The benches' Python environment: `node bench/python/environment.mjs` makes it in the cache folder, the first time
 * only, and prints the path of its interpreter. It downloads 2.9 GB and takes 4.2 GB on disk, nearly all of it CUDA
 * libraries that torch's Linux wheel is linked to. With --existing it makes nothing, and prints nothing if there is none.
 */

const options = {
  name: 'bench-python',
  requirements: join(dirname(fileURLToPath(import.meta.url)), 'requirements.txt'),
  download: '2.9 GB',
};

/**
 * @param {(text: string) => void} [say] called before slow steps
 * @returns {Promise<string>} the interpreter's path
 */
export function pythonEnvironment(say) {
  return provide(options, say);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isWanted = !process.argv.includes('--existing');
  const python = isWanted ? await pythonEnvironment((text) => console.error(text)) : await existingEnvironment(options);
  if (python !== undefined) console.log(python);
}
