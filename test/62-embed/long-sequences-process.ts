/**
 * Prints, as JSON, what a long sequence takes: node --expose-gc long-sequences-process.js MODELS-FOLDER STEP
 * `memory`: the most bytes of typed arrays in use while a protein is embedded. `blocking`: for how many milliseconds at
 * most the event loop stood still while a chromosome was read.
 */
import { openEmbedder } from '../../lib/index.js';
import { EventLoopWatch } from '../event-loop-watch.js';

const [models, step] = process.argv.slice(2) as [string, string];

async function memory(): Promise<number> {
  await using embedder = await openEmbedder({ model: 'protein', part: 'protein', models, devices: 'cpu' });
  const sequence = 'MKTAYIAKQR'.repeat(10_000);
  let most = 0;
  const timer = setInterval(() => {
    global.gc!();
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }, 20);
  await embedder.embed([sequence]);
  clearInterval(timer);
  return most;
}

async function blocking(): Promise<number> {
  await using embedder = await openEmbedder({ model: 'dna', part: 'dna', models, devices: 'cpu', maxLength: 50 });
  const sequence = 'ACGTTGCAAC'.repeat(2_000_000);
  // It has been read when its first batch is on a device.
  const ended = AbortSignal.timeout(1000);
  const watch = new EventLoopWatch();
  await new Promise((resolve) => setTimeout(resolve, 20));
  watch.lap();
  await embedder.embed([sequence], { signal: ended }).catch(() => undefined);
  const longest = watch.lap();
  watch.end();
  return longest;
}

process.stdout.write(JSON.stringify(await (step === 'memory' ? memory() : blocking())));
