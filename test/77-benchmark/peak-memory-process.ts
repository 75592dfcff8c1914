/**
 * Reports the memory of a process of its own, where no memory of other tests is reused or freed:
 * node peak-memory-process.js BYTES. It allocates this many bytes, fills them, and frees them. The output is Readings
 * as JSON.
 */
import { fileURLToPath } from 'node:url';
import type { PeakMemory } from '../../lib/benchmark/measurements.js';
import { watchMemory } from '../../lib/benchmark/measurements.js';

export interface Readings {
  readonly before: PeakMemory;
  readonly after: PeakMemory;
}

function readings(bytes: number): Readings {
  const watch = watchMemory('cpu', {
    memory: () => {
      throw new Error('Expected the memory of the process to be read, but a worker was asked');
    },
  });
  const before = watch.read();
  Buffer.alloc(bytes, 1);
  return { before, after: watch.read() };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(JSON.stringify(readings(Number(process.argv[2]))));
