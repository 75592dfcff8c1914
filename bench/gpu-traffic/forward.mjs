// @ts-check
/**
 * Opens a model on a simulated GPU and computes the same batch `forwards` times, in a process of its own. The
 * simulation's report then says what the GPU was given to do.
 *   node forward.mjs '{"root": …, "architecture": …, "path": …, "tokens": …, "sequence": …, "forwards": …}'
 */
import { join } from 'node:path';

/** `root`: the checkout whose engine it is. @type {{ root: string, architecture: import('../../dist/lib/engine/addon.js').Esm2Architecture | import('../../dist/lib/engine/addon.js').DnabertArchitecture, path: string, tokens: number, sequence: number, forwards: number }} */
const { root, architecture, path, tokens, sequence, forwards } = JSON.parse(process.argv[2] ?? '');
/** @type {typeof import('../../dist/lib/engine/libtorch/load.js')} */
const { loadAddon } = await import(join(root, 'dist', 'lib', 'engine', 'libtorch', 'load.js'));
const part = architecture.family === 'esm2' ? 'protein' : 'dna';
const batch = {
  tokens: Int32Array.from({ length: tokens }, (_, index) => 5 + (index % 20)),
  offsets: Int32Array.from({ length: tokens / sequence + 1 }, (_, index) => index * sequence),
};
const worker = await loadAddon().addon.openWorker(
  /** @type {import('../../dist/lib/engine/addon.js').OpenRequest} */ ({
    ...{ device: 'cuda:0', precision: 'bf16', engine: 'packed', threads: 1 },
    [part]: { path, architecture },
  }),
);
/** @type {import('../../dist/lib/engine/addon.js').EmbedOptions} */
const options = { layers: [architecture.layers], pools: ['mean'] };
for (let forward = 0; forward < forwards; forward++) await worker.embed(part, batch, options);
await worker.close();
