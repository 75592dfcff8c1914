// @ts-check
/** The mean embeddings of a FASTA file's proteins: `run-ours.mjs FASTA OUT.npy MODEL PRECISION THREADS`. */
import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { encodeProteins } from '../../dist/lib/batches/tokens.js';
import { loadAddon } from '../../dist/lib/engine/libtorch/load.js';
import { openModel } from '../../dist/lib/models/folder/model-folder.js';
import { PROTEIN_TOKENS } from '../../dist/lib/models/tokenizers.js';
import { fastaRecords } from './slices.mjs';

const BATCH_TOKENS = 16384;

const [input = '', output = '', folder = '', precision = '', threads] = process.argv.slice(2);
const { protein } = await openModel(folder);
const { layers, width } = protein.architecture;
const worker = await loadAddon().addon.openWorker({
  ...{ device: 'cpu', engine: 'packed', threads: Number(threads), protein },
  precision: /** @type {'fp32' | 'bf16'} */ (precision),
});
/** @type {string[][]} */
const batches = [];
let tokens = Infinity;
const sequences = fastaRecords(input).map(({ sequence }) => sequence);
for (const sequence of sequences) {
  if (tokens + sequence.length > BATCH_TOKENS) {
    batches.push([]);
    tokens = 0;
  }
  batches.at(-1)?.push(sequence);
  tokens += sequence.length + 2;
}
const rows = [];
for (const batch of batches) {
  const packed = encodeProteins(
    batch.map((sequence) => Buffer.from(sequence)),
    PROTEIN_TOKENS,
  );
  const { mean } = await worker.embed('protein', packed, { layers: [layers], pools: ['mean'] });
  rows.push(Buffer.from(mean?.[0]?.buffer ?? new ArrayBuffer(0)));
}
const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sequences.length}, ${width}), }`;
const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8]);
writeFileSync(output, Buffer.concat([start, Buffer.from(padded), ...rows]));
await worker.close();
