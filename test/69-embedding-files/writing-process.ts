/**
 * Writes embeddings of as many sequences as asked for, and prints the peak of resident memory in bytes:
 * node writing-process.js FORMAT PATH SEQUENCES
 */
import { createEmbeddingWriter } from '../../lib/embedding-files/embedding-writer.js';
import type { EmbeddingFormat } from '../../lib/embedding-files/formats.js';

const [format, path, sequences] = process.argv.slice(2) as [EmbeddingFormat, string, string];
const width = 64;
const writer = await createEmbeddingWriter(format, path, {
  ...{ model: 'none', part: 'protein', layers: [1], width, pool: 'mean', precision: 'fp32' },
});
const state = Float32Array.from({ length: width }, (_, index) => Math.sin(index));
for (let index = 0; index < Number(sequences); index++) {
  const room = writer.write({ id: `sequence_${index}`, length: 300, states: [state] });
  if (room !== undefined) await room;
}
await writer.close();
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
