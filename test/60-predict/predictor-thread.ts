import { parentPort, workerData } from 'node:worker_threads';
import { open } from '../../lib/index.js';

const { models, input, runs } = workerData as { models: string; input: string; runs: number };

const predictor = await open({ model: 'golden', models, precision: 'fp32', devices: 'cpu', workers: 2, threads: 2 });
for (let run = 0; run < runs; run++) {
  const scores: number[] = [];
  for await (const result of predictor.predict(input)) {
    if (result.kind === 'window') scores.push(...result.frames.map(({ virus }) => virus));
  }
  parentPort!.postMessage(scores);
}
await predictor.close();
