// @ts-check
/**
 * What the comparison needs of virnucpro besides its speed, which `virnucpro bench` measures:
 * `tokens PART FASTA LIMIT WINDOW MODEL FILE` writes the tokens of the sequences, which all competitors get;
 * `means PART FILE COUNT MODEL PRECISION THREADS` prints the mean embeddings of the first COUNT of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { encodeDna, encodeProteins } from '../../dist/lib/batches/tokens.js';
import { fastaSequences } from '../../dist/lib/benchmark/sequences.js';
import { openModel } from '../../dist/lib/models/folder/model-folder.js';
import { PROTEIN_TOKENS } from '../../dist/lib/models/tokenizers.js';
import { loadAddon } from '../../dist/lib/engine/libtorch/load.js';

/** @param {'dna' | 'protein'} part @param {string[]} words */
async function tokens(part, [fasta = '', limit, window, folder = '', file = '']) {
  const sequences = await fastaSequences(fasta, { part, limit: Number(limit), window: Number(window) });
  const { tokenizer } = await openModel(folder);
  const { tokens: packed, offsets } =
    part === 'protein'
      ? encodeProteins(sequences, PROTEIN_TOKENS)
      : encodeDna(sequences, new (loadAddon().addon.BytePairTokenizer)(tokenizer));
  const lists = sequences.map((_, index) => [...packed.subarray(offsets[index], offsets[index + 1])]);
  writeFileSync(file, JSON.stringify({ tokens: lists }));
  return { sequences: lists.length, tokens: packed.length };
}

/** @param {'dna' | 'protein'} part @param {string[]} words */
async function means(part, [file = '', count, folder = '', precision, threads]) {
  /** @type {{ tokens: number[][] }} */
  const input = JSON.parse(readFileSync(file, 'utf8'));
  const lists = input.tokens.slice(0, Number(count));
  const offsets = new Int32Array(lists.length + 1);
  lists.forEach((list, index) => (offsets[index + 1] = (offsets[index] ?? 0) + list.length));
  const model = await openModel(folder);
  const worker = await loadAddon().addon.openWorker({
    ...{ device: 'cpu', engine: 'packed', threads: Number(threads), [part]: model[part] },
    precision: /** @type {'fp32' | 'bf16'} */ (precision),
  });
  const packed = { tokens: Int32Array.from(lists.flat()), offsets };
  const { mean } = await worker.embed(part, packed, { layers: [model[part].architecture.layers], pools: ['mean'] });
  await worker.close();
  const values = mean?.[0] ?? new Float32Array();
  const width = values.length / lists.length;
  return { means: lists.map((_, index) => [...values.subarray(index * width, (index + 1) * width)]) };
}

const [action, part, ...words] = process.argv.slice(2);
const known = part === 'dna' ? part : 'protein';
console.log(JSON.stringify(await (action === 'tokens' ? tokens : means)(known, words)));
