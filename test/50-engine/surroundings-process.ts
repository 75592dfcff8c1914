/**
 * Computes a batch in a process of its own, in any environment:
 * node surroundings-process.js OUTPUT-FILE MODEL-FOLDER THREADS PRECISION ENGINE main|thread. The output is an Outcome
 * as JSON.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import type { OpenRequest, Precision } from '../../lib/engine/addon.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { VirnucproError } from '../../lib/errors.js';
import { openModel } from '../../lib/models/folder/model-folder.js';
import { randomBatch } from './token-sequences.js';

/** The outcome of the batch: its numbers, or the code of a refusal. */
export interface Outcome {
  readonly scores?: readonly number[];
  readonly embeddings?: readonly number[];
  /** Threads that computed. */
  readonly threads?: number;
  readonly refused?: string;
}

/** Enough tokens that every thread of a large team has a part of every product. */
const LENGTHS = Array.from({ length: 40 }, (_, index) => 20 + ((index * 37) % 150));

async function outcome(words: readonly string[]): Promise<Outcome> {
  const [folder, threads, precision, engine] = words as [string, string, Precision, OpenRequest['engine']];
  try {
    const { dna, protein, classifier } = await openModel(folder);
    const request = { device: 'cpu', precision, threads: Number(threads), engine, dna, protein, classifier };
    const worker = await loadAddon().addon.openWorker(request);
    const batch = { dna: randomBatch('dna', LENGTHS), protein: randomBatch('protein', LENGTHS) };
    const { scores, embeddings } = await worker.run(batch, { embeddings: true });
    await worker.close();
    return { scores: [...scores], embeddings: [...embeddings!], threads: worker.threads };
  } catch (error) {
    const { code, message } = error as VirnucproError;
    return { refused: `${code}: ${message}` };
  }
}

if (!isMainThread) {
  parentPort!.postMessage(await outcome(workerData as string[]));
} else {
  const [output, ...words] = process.argv.slice(2) as [string, ...string[]];
  const inThread = words.pop() === 'thread';
  const result = inThread
    ? await new Promise((resolve, reject) =>
        new Worker(fileURLToPath(import.meta.url), { workerData: words })
          .once('message', resolve)
          .once('error', reject),
      )
    : await outcome(words);
  writeFileSync(output, JSON.stringify(result));
  // A host's threads may run for ever.
  process.exit(0);
}
