// @ts-check
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonEnvironment } from '../../scripts/python/environment.mjs';

/** Prints the interpreter of the Python environment that reads embeddings, which it makes in the cache if needed. */
const requirements = join(dirname(fileURLToPath(import.meta.url)), 'requirements.txt');
console.log(
  await pythonEnvironment({ name: 'test-python', requirements, download: '130 MB' }, (text) => console.error(text)),
);
