// @ts-check
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { inRepository } from '../../scripts/setup/repository.mjs';

export const usage = `Compares virnucpro predict with the published tool's method in Python, from FASTA to result files.

  node bench/pipeline/pipeline.mjs --fasta FILE [--fasta FILE ...] [options]

  --fasta FILE    DNA; several are joined into one input
  --esm SIZE      ESM-2 of this size (default esm2_t6_8M_UR50D)
  --dna SIZE      DNA model of this size (default dnabert_s)
  --seed N        seed of the random weights (default 9)
  --dnabert-reference DIR
                  folder with the bert_layers.py and bert_padding.py that DNABERT-2 and DNABERT-S are published with;
                  without it the archive's own TorchScript takes their place
  --threads N     CPU threads of each (default: all cores)
  --rounds N      processes of each, alternating (default 3)
  --out DIR       where the table and the figures as JSON go (default bench/results)
`;

/** @typedef {ReturnType<typeof readOptions>} Options */

/** @param {string[]} words */
export function readOptions(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      fasta: { type: 'string', multiple: true, default: [] },
      esm: { type: 'string', default: 'esm2_t6_8M_UR50D' },
      dna: { type: 'string', default: 'dnabert_s' },
      seed: { type: 'string', default: '9' },
      'dnabert-reference': { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      rounds: { type: 'string', default: '3' },
      out: { type: 'string', default: inRepository('bench', 'results') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { 'dnabert-reference': reference, ...others } = values;
  return {
    ...others,
    reference,
    seed: Number(values.seed),
    threads: Number(values.threads),
    rounds: Number(values.rounds),
  };
}
