/**
 * The proteins of a FASTA file that are most similar to one of them, by the cosine of their embeddings:
 *
 *     node dist/examples/nearest-neighbours.js proteins.faa ID
 *
 * The model is the protein part of virnucpro-mini; `MODEL` names another, such as an imported ESM-2 of any size.
 */
import { readFile } from 'node:fs/promises';
import { openEmbedder } from 'virnucpro';

const NEIGHBOURS = 5;

interface Protein {
  readonly id: string;
  readonly sequence: string;
}

function proteinsOf(fasta: string): Protein[] {
  return fasta
    .split(/^>/m)
    .slice(1)
    .map((entry) => {
      const [header = '', ...lines] = entry.split(/\r?\n/);
      return { id: header.split(/\s/)[0]!, sequence: lines.join('') };
    });
}

/** At length 1, the dot product of two vectors is the cosine of their angle. */
function atLengthOne(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function cosine(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, at) => sum + value * other[at]!, 0);
}

const [file, wanted] = process.argv.slice(2);
if (file === undefined || wanted === undefined) throw new Error('Give a FASTA file of proteins and an id');
const proteins = proteinsOf(await readFile(file, 'utf8'));

await using embedder = await openEmbedder({ model: process.env['MODEL'] ?? 'virnucpro-mini', part: 'protein' });
const vectors = new Map<string, Float32Array>();
for await (const { record, embedding, error } of embedder.stream(proteins)) {
  if (error) console.error(`${record.id}: ${error.message}`);
  else vectors.set(record.id, atLengthOne(embedding));
}

const query = vectors.get(wanted);
if (query === undefined) throw new Error(`${file} has no ${wanted}`);
const neighbours = [...vectors]
  .filter(([id]) => id !== wanted)
  .map(([id, vector]) => ({ id, similarity: cosine(query, vector) }))
  .sort((one, other) => other.similarity - one.similarity)
  .slice(0, NEIGHBOURS);
for (const { id, similarity } of neighbours) console.log(`${id}\t${similarity.toFixed(4)}`);
