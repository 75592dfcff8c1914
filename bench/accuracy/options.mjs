// @ts-check
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { inRepository } from '../../scripts/setup/repository.mjs';

export const usage = `Measures how far BF16 and FP16 are from FP32, compared with PyTorch's BF16 on the same weights.

  node bench/accuracy/accuracy.mjs --proteins FILE --contigs FILE [options]

  --proteins FILE  FASTA whose sequences ESM-2 embeds; can be given several times
  --contigs FILE   FASTA whose windows the DNA model embeds
  --limit N        only the first N sequences or windows (default 64)
  --esm A,B        sizes of ESM-2 whose embeddings are compared (default esm2_t6_8M_UR50D,esm2_t30_150M_UR50D)
  --windows N      random windows whose labels are compared (default 2000; 0: none)
  --kinds A,B      plain: random weights as \`virnucpro models random\` makes them; rough: larger ones that vary more
                   between channels (default plain,rough); of the embeddings, the labels are those of plain ones: rough
                   weights put nearly all scores on one side
  --precisions A,B precisions whose labels are compared (default bf16)
  --seed N         seed of the weights and the windows (default 9)
  --threads N      CPU threads (default: all cores)
  --out DIR        where the tables and the figures as JSON go (default bench/results)
`;

/** @typedef {ReturnType<typeof readOptions>} Options */

/** @param {string[]} words */
export function readOptions(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      proteins: { type: 'string', multiple: true, default: [] },
      contigs: { type: 'string' },
      limit: { type: 'string', default: '64' },
      esm: { type: 'string', default: 'esm2_t6_8M_UR50D,esm2_t30_150M_UR50D' },
      windows: { type: 'string', default: '2000' },
      kinds: { type: 'string', default: 'plain,rough' },
      precisions: { type: 'string', default: 'bf16' },
      seed: { type: 'string', default: '9' },
      threads: { type: 'string', default: String(availableParallelism()) },
      out: { type: 'string', default: inRepository('bench', 'results') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    ...{ help: values.help, proteins: values.proteins, contigs: values.contigs, out: values.out },
    ...{ limit: Number(values.limit), windows: Number(values.windows) },
    ...{ seed: Number(values.seed), threads: Number(values.threads) },
    esm: values.esm.split(','),
    kinds: /** @type {import('../random-model.mjs').Kind[]} */ (values.kinds.split(',')),
    precisions: values.precisions.split(','),
  };
}
