import type { Addon, OpenRequest } from '../engine/addon.js';
import { knownBatch, type KnownModel } from './known-model.js';

/** Enough to go through the threaded ways of the matrix work. */
const THREADS = 2;

/** Runs the known batch through the known model. Throws what the addon throws. */
export async function runKnownModel(
  addon: Pick<Addon, 'openWorker'>,
  model: KnownModel,
  options: Pick<OpenRequest, 'device' | 'precision' | 'engine'>,
): Promise<{ scores: Float32Array; embeddings: Float32Array }> {
  const { dna, protein, classifier } = model;
  const worker = await addon.openWorker({ ...options, threads: THREADS, dna, protein, classifier });
  try {
    const { scores, embeddings } = await worker.run(knownBatch(), { embeddings: true });
    return { scores, embeddings: embeddings! };
  } finally {
    await worker.close();
  }
}
