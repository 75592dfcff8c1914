/**
 * Uses `openEmbedder` on every GPU and on the CPU, in a process of its own: node embedder-process.js MODELS-FOLDER.
 * Prints the devices, the largest difference between the two for each call, and how calls ended that were stopped.
 */
import { openEmbedder } from '../../lib/index.js';
import { largestDifference } from '../safetensors.js';

const SEQUENCES = Array.from({ length: 30 }, (_, index) => 'MKTAYIAKQRQISFVKSHFSRQ'.repeat(1 + (index % 7)));

const options = { model: 'golden', models: process.argv[2]!, part: 'protein', precision: 'fp32' } as const;
const limits = { maxLength: 64, batchTokens: 128 };
const gpu = await openEmbedder({ ...options, ...limits });
const cpu = await openEmbedder({ ...options, ...limits, devices: 'cpu' });

const largest = (some: readonly Float32Array[], others: readonly Float32Array[]): number =>
  Math.max(...some.map((values, index) => largestDifference(values, others[index]!)));

const expected = await cpu.embed(SEQUENCES);
const embed = largest(await gpu.embed(SEQUENCES), expected);

const streamed: Float32Array[] = [];
for await (const { embedding, error } of gpu.stream(
  SEQUENCES.map((sequence, index) => ({ sequence, id: `${index}` })),
)) {
  if (error !== undefined) throw error;
  streamed.push(embedding);
}
const stream = largest(streamed, expected);

const tokens = largest(await gpu.embedTokens(SEQUENCES), await cpu.embedTokens(SEQUENCES));

const nameOf = (error: unknown): string => (error as Error).name;
const stopped = new AbortController();
const aborted = gpu.embed(SEQUENCES, { signal: stopped.signal }).then(() => 'finished', nameOf);
setImmediate(() => stopped.abort());
const abortedAs = await aborted;
// What was aborted has left nothing behind.
const afterwards = largest(await gpu.embed(SEQUENCES), expected);

const devices = gpu.devices.map(({ id }) => id);
const closing = gpu.embed(SEQUENCES).then(
  () => 'finished',
  (error: unknown) => (error as { code?: string }).code ?? nameOf(error),
);
await gpu.close();
const closedAs = await closing;
await cpu.close();
const differences = { embed, stream, tokens, afterwards };
process.stdout.write(JSON.stringify({ devices, differences, abortedAs, closedAs }));
