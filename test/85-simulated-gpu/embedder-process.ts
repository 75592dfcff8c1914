/**
 * Uses `openEmbedder` on every GPU and on the CPU, in a process of its own: node embedder-process.js MODELS-FOLDER.
 * Prints the devices, the largest difference between the two for each call, and how calls ended that were stopped.
 */
import { openEmbedder } from '../../lib/index.js';
import { largestDifference } from '../safetensors.js';

const SEQUENCES = Array.from({ length: 30 }, (_, index) => 'MKTAYIAKQRQISFVKSHFSRQ'.repeat(1 + (index % 7)));
const RECORDS = SEQUENCES.map((sequence, index) => ({ sequence, id: `${index}` }));
/** Results that are taken before a stream is stopped: of the first batches. */
const TAKEN = 5;

const options = { model: 'golden', models: process.argv[2]!, part: 'protein', precision: 'fp32' } as const;
const limits = { maxLength: 64, batchTokens: 128 };
const gpu = await openEmbedder({ ...options, ...limits });
const cpu = await openEmbedder({ ...options, ...limits, devices: 'cpu' });
const expected = await cpu.embed(SEQUENCES);

/** Infinite unless there are as many as expected. */
function largest(some: readonly Float32Array[], others: readonly Float32Array[] = expected): number {
  if (some.length !== others.length) return Infinity;
  return Math.max(...some.map((values, index) => largestDifference(values, others[index]!)));
}

/** Takes results of a stream until `isEnough`. */
async function taken({ signal = new AbortController().signal, isEnough = (_: number): boolean => false } = {}): Promise<
  Float32Array[]
> {
  const embeddings: Float32Array[] = [];
  for await (const { embedding, error } of gpu.stream(RECORDS, { signal })) {
    if (error !== undefined) throw error;
    embeddings.push(embedding);
    if (isEnough(embeddings.length)) break;
  }
  return embeddings;
}

const endOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'finished',
    (error: unknown) => (error as { code?: unknown }).code ?? (error as Error).name,
  ) as Promise<string>;

const differences: Record<string, number> = {
  embed: largest(await gpu.embed(SEQUENCES)),
  stream: largest(await taken()),
  tokens: largest(await gpu.embedTokens(SEQUENCES), await cpu.embedTokens(SEQUENCES)),
};

differences['stream that is left'] = largest(
  await taken({ isEnough: (count) => count === TAKEN }),
  expected.slice(0, TAKEN),
);
differences['stream after that'] = largest(await taken());

const midway = new AbortController();
const abortMidway = (count: number): boolean => {
  if (count === TAKEN) midway.abort(new RangeError('enough'));
  return false;
};
const streamEnd = await endOf(taken({ signal: midway.signal, isEnough: abortMidway }));
differences['call after a stream was aborted'] = largest(await gpu.embed(SEQUENCES));

const stopped = new AbortController();
const aborted = endOf(gpu.embed(SEQUENCES, { signal: stopped.signal }));
const beside = gpu.embed(SEQUENCES);
setImmediate(() => stopped.abort(new RangeError('enough')));
const callEnd = await aborted;
differences['call beside one that was aborted'] = largest(await beside);
differences['call after one was aborted'] = largest(await gpu.embed(SEQUENCES));

const devices = gpu.devices.map(({ id }) => id);
const closing = endOf(gpu.embed(SEQUENCES));
await gpu.close();
const ends = { stream: streamEnd, call: callEnd, closed: await closing };
await cpu.close();
process.stdout.write(JSON.stringify({ devices, differences, ends }));
