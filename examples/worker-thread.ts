/**
 * A predictor in a thread of its own, so that the main thread's own work, such as parsing or rendering, delays no batch:
 *
 *     node dist/examples/worker-thread.js examples/contigs.fa
 *
 * Results are plain data, so they pass between threads as they are. All predictors on one CPU share their weights.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { on, once } from 'node:events';
import { open } from 'virnucpro';
import type { ContigResult } from 'virnucpro';

if (isMainThread) await main(process.argv.slice(2));
else await predictIn(workerData as string[]);

async function main(inputs: string[]): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: inputs });
  const ended = once(worker, 'exit');
  const finished = new AbortController();
  void ended.then(() => finished.abort());
  try {
    for await (const [result] of on(worker, 'message', { signal: finished.signal }) as AsyncIterable<[ContigResult]>)
      console.log(`${result.contig}\t${result.verdict}\t${result.meanVirusScore?.toFixed(2) ?? '-'}`);
  } catch (error) {
    if (!finished.signal.aborted) throw error;
  }
  const [code] = (await ended) as [number];
  process.exitCode = code;
}

async function predictIn(inputs: string[]): Promise<void> {
  await using predictor = await open({ model: process.env['MODEL'] ?? 'virnucpro-mini' });
  for await (const result of predictor.predictFiles(inputs)) {
    if (result.kind === 'contig') parentPort!.postMessage(result);
  }
}
