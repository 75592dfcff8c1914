/**
 * Writes embeddings of as many sequences as asked for, and prints the peak of resident memory in bytes, or what was
 * thrown as JSON: node writing-process.js FORMAT PATH SEQUENCES [mean|tokens]
 */
import { createEmbeddingWriter } from '../../lib/embedding-files/embedding-writer.js';
import type { EmbeddingFormat } from '../../lib/embedding-files/formats.js';

const [format, path, sequences, pool = 'mean'] = process.argv.slice(2) as [
  EmbeddingFormat,
  string,
  string,
  ('mean' | 'tokens')?,
];
const width = 64;
const state = Float32Array.from({ length: width }, (_, index) => Math.sin(index));

async function writeAll(): Promise<void> {
  const writer = await createEmbeddingWriter(format, path, {
    ...{ model: 'none', part: 'protein', layers: [1], width, pool, precision: 'fp32' },
  });
  try {
    for (let index = 0; index < Number(sequences); index++) {
      const room = writer.write({ id: `sequence_${index}`, length: 300, states: [state] });
      if (room !== undefined) await room;
    }
    await writer.close();
  } finally {
    await writer.abandon();
  }
}

try {
  await writeAll();
  process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  process.stdout.write(JSON.stringify({ code, message }));
  process.exitCode = 1;
}
