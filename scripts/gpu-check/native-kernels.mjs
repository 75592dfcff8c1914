// @ts-check
import { loadAddon } from '../../dist/lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../dist/lib/models/registry.js';

/**
 * Seconds of a forward pass and the means it returns, one after the other; `messages`: the worker's.
 * @typedef {{ part: 'dna' | 'protein', seconds: number, means: number[], messages: string[] }} KernelUse
 */

const RUNS = 5;

/**
 * Measures both models on a device, in a process with or without this project's kernels.
 * @param {{ device: string, models: string, model: string, precision: 'bf16', tokens: number, kernels: boolean }} request
 *   tokens: of a batch @returns {Promise<KernelUse[]>}
 */
export async function measureKernels({ device, models, model, precision, tokens, kernels }) {
  // The addon reads it when it is loaded.
  process.env['VIRNUCPRO_CUDA_KERNELS'] = kernels ? '1' : '0';
  const { addon } = loadAddon();
  const { dna, protein } = await new ModelRegistry(models).find(model);
  /** @type {string[]} */
  const messages = [];
  const worker = await addon.openWorker({
    ...{ device, precision, threads: 2, engine: 'packed', dna, protein },
    onMessage: (message) => message.kind === 'log' && messages.push(message.text),
  });
  try {
    const uses = [];
    for (const [part, { architecture }, length] of /** @type {const} */ ([
      ['dna', dna, 64],
      ['protein', protein, 52],
    ])) {
      const seconds = [];
      /** @type {Float32Array} */
      let mean = new Float32Array();
      for (let run = 0; run < RUNS; run++) {
        const result = await worker.embed(part, sequences(tokens, length), {
          ...{ layers: [architecture.layers], pools: ['mean'], measure: true },
        });
        mean = result.mean?.[0] ?? mean;
        seconds.push(result.seconds?.total ?? NaN);
      }
      uses.push({ part, seconds: Math.min(...seconds), means: [...mean], messages });
    }
    return uses;
  } finally {
    await worker.close();
  }
}

/**
 * As many sequences as fit into the tokens, of ids that both models know.
 * @param {number} tokens
 * @param {number} length
 */
function sequences(tokens, length) {
  const count = Math.floor(tokens / length);
  return {
    tokens: Int32Array.from({ length: count * length }, (_, index) => 4 + ((index * index + 7 * index) % 20)),
    offsets: Int32Array.from({ length: count + 1 }, (_, index) => index * length),
  };
}
