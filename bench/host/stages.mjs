// @ts-check
import { Session } from 'node:inspector/promises';

/** @typedef {import('node:inspector').Profiler.Profile} Profile */

/** Microseconds between two samples. */
const INTERVAL = 500;

/** What each folder of lib/ does. @type {Record<string, string>} */
const STAGES = {
  input: 'read',
  windows: 'window and frame',
  batches: 'tokenize and pack',
  scoring: 'results',
  predict: 'results',
  output: 'write',
};

/**
 * Samples the main thread while `work` runs, and adds up its seconds by folder of lib/, including what Node or the
 * addon does on behalf of a folder. Reading and writing files on Node's own threads is not included.
 *
 * @param {() => Promise<void>} work
 * @returns {Promise<Record<string, number>>}
 */
export async function secondsByStage(work) {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL });
  await session.post('Profiler.start');
  await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return sumUp(profile);
}

/** @param {Profile} profile */
function sumUp({ nodes, samples = [], timeDeltas = [] }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  /** @type {Map<number, string>} */
  const stages = new Map();
  /** @type {(node: (typeof nodes)[number], inherited: string) => void} */
  const visit = (node, inherited) => {
    const { functionName, url } = node.callFrame;
    const folder = /\/lib\/(\w+)\//.exec(url)?.[1];
    let stage = folder === undefined ? inherited : (STAGES[folder] ?? folder);
    if (functionName === '(garbage collector)') stage = 'garbage collection';
    if (functionName === '(idle)') stage = 'idle';
    stages.set(node.id, stage);
    for (const child of node.children ?? []) visit(byId.get(child) ?? node, stage);
  };
  const [root] = nodes;
  if (root) visit(root, 'Node itself');
  /** @type {Record<string, number>} */
  const seconds = {};
  samples.forEach((id, index) => {
    const stage = stages.get(id) ?? 'unknown';
    if (stage !== 'idle') seconds[stage] = (seconds[stage] ?? 0) + (timeDeltas[index] ?? 0) / 1e6;
  });
  return seconds;
}
