// @ts-check
/**
 * ONNX Runtime on the graph that PyTorch exports from transformers' EsmModel. Arguments and output as in measure.py.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const PADDING = 1;
const CANDIDATE_BATCHES = [0, 1024, 4096];
const WARMED_UP_SHAPES = 3;

const names = ['mode', 'input', 'weights', 'precision', 'threads', 'count', 'batch', 'package'];
const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });
/** @type {Record<string, string>} */
const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));

const { InferenceSession, Tensor } = createRequire(import.meta.url)(given['package'] ?? 'onnxruntime-node');
const session = await InferenceSession.create(join(given['weights'] ?? '', 'onnx', 'model.onnx'), {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  intraOpNumThreads: Number(given['threads']),
  interOpNumThreads: 1,
});

/** @param {number[][]} sequences @returns {Promise<Float64Array[]>} means over the residues */
async function forward(sequences) {
  const longest = Math.max(...sequences.map(({ length }) => length));
  const shape = [sequences.length, longest];
  const tokens = new BigInt64Array(sequences.length * longest).fill(BigInt(PADDING));
  const mask = new BigInt64Array(tokens.length);
  sequences.forEach((sequence, row) => {
    tokens.set(sequence.map(BigInt), row * longest);
    mask.fill(1n, row * longest, row * longest + sequence.length);
  });
  const inputs = { tokens: new Tensor('int64', tokens, shape), mask: new Tensor('int64', mask, shape) };
  const { hidden } = await session.run(inputs);
  const width = hidden.dims[2];
  return sequences.map(({ length }, row) => {
    const mean = new Float64Array(width);
    for (let position = 1; position < length - 1; position++) {
      const start = (row * longest + position) * width;
      for (let index = 0; index < width; index++) mean[index] += hidden.data[start + index];
    }
    return mean.map((sum) => sum / (length - 2));
  });
}

/** @param {number[][]} sequences @param {number} budget padded tokens of a batch; 0: one by one */
function batchesOf(sequences, budget) {
  /** @type {number[][][]} */
  const batches = [];
  for (const sequence of [...sequences].sort((one, other) => other.length - one.length)) {
    const open = batches.at(-1);
    if (open && (open.length + 1) * (open[0]?.length ?? 0) <= budget) open.push(sequence);
    else batches.push([sequence]);
  }
  return batches;
}

/** @param {number[][][]} batches */
async function secondsOf(batches) {
  const start = performance.now();
  for (const batch of batches) await forward(batch);
  return (performance.now() - start) / 1000;
}

/** @param {number[][][]} batches */
async function warmUp(batches) {
  const shapes = new Map(batches.map((batch) => [`${batch.length} ${batch[0]?.length}`, batch]));
  await secondsOf([...shapes.values()].slice(0, WARMED_UP_SHAPES));
}

/** @param {number[][]} sequences */
function countOf(sequences) {
  return sequences.reduce((sum, { length }) => sum + length, 0);
}

/**
 * Tokens a second of the first one or two batches; smaller batches ran before, so everything is warm.
 * @param {number[][]} sequences @param {number} budget
 */
async function trial(sequences, budget) {
  const wanted = Math.max(CANDIDATE_BATCHES[1] ?? 0, budget);
  const sample = sequences.filter((_, index) => countOf(sequences.slice(0, index)) < wanted);
  return countOf(sample) / (await secondsOf(batchesOf(sample, budget)));
}

/** @param {number[][]} sequences */
async function check(sequences) {
  const means = await forward(sequences.slice(0, Number(given['count'])));
  /** @type {Record<string, number>} */
  const tried = {};
  if (given['batch'] !== undefined)
    return { means: means.map((mean) => [...mean]), batch: Number(given['batch']), tried };
  for (const budget of CANDIDATE_BATCHES) tried[budget] = await trial(sequences, budget);
  const batch = CANDIDATE_BATCHES.reduce((one, other) => ((tried[other] ?? 0) > (tried[one] ?? 0) ? other : one));
  return { means: means.map((mean) => [...mean]), batch, tried };
}

/** @param {number[][]} sequences */
async function measure(sequences) {
  const batches = batchesOf(sequences, Number(given['batch']));
  await warmUp(batches);
  // Resets the peak, so that what loading took temporarily does not count.
  writeFileSync('/proc/self/clear_refs', '5');
  const seconds = await secondsOf(batches);
  const kibibytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return {
    tokens_per_second: countOf(sequences) / seconds,
    sequences_per_second: sequences.length / seconds,
    peak_memory_bytes: Number(kibibytes) * 1024,
  };
}

/** @type {{ tokens: number[][] }} */
const input = JSON.parse(readFileSync(given['input'] ?? '', 'utf8'));
console.log(JSON.stringify(await (given['mode'] === 'check' ? check : measure)(input.tokens)));
