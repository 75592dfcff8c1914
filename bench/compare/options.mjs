// @ts-check
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

export const usage = `Compares virnucpro's engine with other software that computes the same embeddings.

  node bench/compare/compare.mjs --fasta FILE [options]

  --fasta FILE    sequences: proteins, or DNA with --dna
  --limit N       only the first N sequences or windows (default 64)
  --esm SIZE      ESM-2 of this size (default esm2_t30_150M_UR50D)
  --dna           DNABERT-S instead of ESM-2
  --window BASES  300 or 500: what DNA is cut into (default 500)
  --dnabert-reference DIR
                  folder with the bert_layers.py and bert_padding.py that DNABERT-2 and DNABERT-S are published with;
                  without it the archive's own TorchScript takes their place
  --threads N     CPU threads of each (default: all cores)
  --batch N       padded tokens in a batch, for programs that pad; 0: one by one (default: the fastest for each in a trial)
  --rounds N      processes of each, alternating (default 3)
  --only A,B      only these (see --list)
  --list          print the names that --only takes
  --out DIR       write the table, the figures as JSON and a chart there
`;

/** @typedef {ReturnType<typeof readOptions>} Options */

/** @param {string[]} words */
export function readOptions(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      fasta: { type: 'string' },
      limit: { type: 'string', default: '64' },
      esm: { type: 'string', default: 'esm2_t30_150M_UR50D' },
      dna: { type: 'boolean', default: false },
      window: { type: 'string', default: '500' },
      'dnabert-reference': { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      batch: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    help: values.help,
    list: values.list,
    part: values.dna ? /** @type {const} */ ('dna') : /** @type {const} */ ('protein'),
    esm: values.esm,
    fasta: values.fasta,
    limit: whole('--limit', values.limit),
    window: whole('--window', values.window),
    reference: values['dnabert-reference'],
    threads: whole('--threads', values.threads),
    batch: values.batch === undefined ? undefined : whole('--batch', values.batch, 0),
    rounds: whole('--rounds', values.rounds),
    only: values.only?.split(','),
    out: values.out,
  };
}

/** @param {string} name @param {string} text @param {number} least */
function whole(name, text, least = 1) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`Expected a whole number from ${least} for ${name} but received ${JSON.stringify(text)}`);
}
