/**
 * What workers add to the memory of a process of its own, where no memory of other tests is reused or freed:
 * node --expose-gc shared-weights-process.js REQUEST. Request and output are JSON; the output is Growths.
 */
import { fileURLToPath } from 'node:url';
import type { NativeWorker, OpenRequest } from '../../lib/engine/addon.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { ownBytes } from '../own-bytes.js';

/** Bytes by which the process has grown. */
export interface Growths {
  readonly weightBytes: number;
  /** By the first worker. */
  readonly first: number;
  /** By three more besides it. */
  readonly more: number;
  /** From before the first until all but one are closed. */
  readonly kept: number;
  /** By closing that one: below 0. */
  readonly last: number;
  /** By three that open at the same time. */
  readonly together: number;
}

async function growth<T>(work: () => Promise<T>): Promise<[number, T]> {
  globalThis.gc!();
  await new Promise((resolve) => setImmediate(resolve));
  const before = ownBytes();
  const result = await work();
  return [ownBytes() - before, result];
}

async function growths(request: OpenRequest): Promise<Growths> {
  const { addon } = loadAddon();
  const open = (changes: Partial<OpenRequest> = {}): Promise<NativeWorker> =>
    addon.openWorker({ ...request, ...changes });
  const close = (workers: readonly NativeWorker[]) => Promise.all(workers.map((worker) => worker.close()));
  // libtorch's memory for its first worker does not belong to the weights.
  await (await open()).close();

  const [first, worker] = await growth(open);
  const [more, others] = await growth(() => Promise.all([open(), open(), open()]));
  const [last, ...rest] = others;
  const [closed] = await growth(() => close([worker, ...rest]));
  const [lastGrowth] = await growth(() => last.close());
  const [together, atOnce] = await growth(() => Promise.all([open(), open(), open({ threads: 2 })]));
  await close(atOnce);
  return { weightBytes: worker.weightBytes, first, more, kept: first + more + closed, last: lastGrowth, together };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(JSON.stringify(await growths(JSON.parse(process.argv[2]!) as OpenRequest)));
