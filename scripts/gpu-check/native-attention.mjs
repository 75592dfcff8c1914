// @ts-check
import { TextEncoder } from 'node:util';
import { PROTEIN_TOKENS } from '../../dist/lib/models/tokenizers.js';
import { encodeProteins, joinRanges } from '../../dist/lib/batches/tokens.js';
import { loadAddon } from '../../dist/lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../dist/lib/models/registry.js';
import { proteinLetters } from './sequences.mjs';

/** @typedef {import('../../dist/lib/batches/tokens.js').PackedTokens} PackedTokens */
/**
 * `backend` as in addon.ts; `alike`, `mixed`: seconds that one forward pass spends in attention, for sequences of one
 * length, and for as many tokens in sequences of all lengths, where padding would add to them; `warnings`: the
 * worker's.
 * @typedef {{ precision: string, backend: string | undefined, alike: number, mixed: number, warnings: string[] }} AttentionUse
 */

const RESIDUES = 50;
const RUNS = 5;

/**
 * ESM-2's attention on a device, in each precision.
 * @param {{ device: string, models: string, model: string, precisions: ('bf16' | 'fp16')[], tokens: number }} request
 *   tokens: of a batch @returns {Promise<AttentionUse[]>}
 */
export async function measureAttention({ device, models, model, precisions, tokens }) {
  const { protein } = await new ModelRegistry(models).find(model);
  const alike = proteins(tokens, () => RESIDUES);
  // 20 to 499 residues, each length about as often as any other.
  const mixed = proteins(tokens, (index) => 20 + ((index * 161) % 480));
  const uses = [];
  for (const precision of precisions) {
    /** @type {string[]} */
    const warnings = [];
    const worker = await loadAddon().addon.openWorker({
      ...{ device, precision, threads: 2, engine: 'packed', protein },
      onMessage: (message) => message.kind === 'log' && message.level === 'warn' && warnings.push(message.text),
    });
    try {
      /** @param {PackedTokens} batch */
      const measured = async (batch) => {
        const seconds = [];
        let backend;
        for (let run = 0; run < RUNS; run++) {
          const result = await worker.embed('protein', batch, {
            ...{ layers: [protein.architecture.layers], pools: ['mean'] },
            measure: true,
          });
          backend = result.attentionBackend;
          seconds.push(result.seconds?.attention ?? NaN);
        }
        return { backend, seconds: Math.min(...seconds) };
      };
      const { backend, seconds } = await measured(alike);
      uses.push({ precision, backend, alike: seconds, mixed: (await measured(mixed)).seconds, warnings });
    } finally {
      await worker.close();
    }
  }
  return uses;
}

/**
 * As many sequences as fit into the tokens.
 * @param {number} tokens
 * @param {(index: number) => number} lengthOf in residues
 */
function proteins(tokens, lengthOf) {
  const sequences = [];
  for (let index = 0, used = 0; ; index++) {
    const length = lengthOf(index);
    used += length + 2;
    if (used > tokens) break;
    sequences.push(new TextEncoder().encode(proteinLetters(index, length)));
  }
  const packed = encodeProteins(sequences, PROTEIN_TOKENS);
  return joinRanges([{ packed, first: 0, last: sequences.length }]);
}
