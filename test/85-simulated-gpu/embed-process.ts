/**
 * Embeds the same batches on the first GPU and on the CPU, in a process of its own: node embed-process.js MODEL-FOLDER.
 * Prints, for each pool, the largest difference.
 */
import type { EmbedOptions, NativeWorker, Pool } from '../../lib/engine/addon.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { openModel } from '../../lib/models/folder/model-folder.js';
import { randomBatch } from '../50-engine/token-sequences.js';
import { largestDifference } from '../safetensors.js';

const POOLS: readonly Pool[] = ['mean', 'cls', 'max', 'tokens'];
const OPTIONS: EmbedOptions = { layers: [3, 0, 2], pools: POOLS };
/** The last one needs more page-locked memory than the others. */
const LENGTHS = [[30, 7, 12], [5], [300, 250, 40, 90]];

const { dna, protein } = await openModel(process.argv[2]!);
const open = (device: string): Promise<NativeWorker> =>
  loadAddon().addon.openWorker({ device, precision: 'fp32', engine: 'packed', threads: 1, dna, protein });
const [gpu, cpu] = [await open('cuda:0'), await open('cpu')];
const differences: Partial<Record<Pool, number>> = {};
for (const part of ['dna', 'protein'] as const) {
  const batches = LENGTHS.map((lengths) => randomBatch(part, lengths));
  // All at once: the GPU gets a batch while it still computes the one before.
  const results = await Promise.all(batches.map((batch) => gpu.embed(part, batch, OPTIONS)));
  for (const [index, batch] of batches.entries()) {
    const expected = await cpu.embed(part, batch, OPTIONS);
    for (const pool of POOLS) {
      expected[pool]!.forEach((values, layer) => {
        const difference = largestDifference(results[index]![pool]![layer]!, values);
        differences[pool] = Math.max(differences[pool] ?? 0, difference);
      });
    }
  }
}
await Promise.all([gpu.close(), cpu.close()]);
process.stdout.write(JSON.stringify(differences));
