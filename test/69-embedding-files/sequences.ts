import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddingWriter } from '../../lib/embedding-files/embedding-writer.js';
import type { EmbeddingFileHeader, EmbeddingRow } from '../../lib/embedding-files/embedding-row.js';
import type { EmbeddingFormat } from '../../lib/embedding-files/formats.js';

export const HEADER: EmbeddingFileHeader = {
  model: 'esm2_t6_8M',
  part: 'protein',
  layers: [6],
  width: 5,
  pool: 'mean',
  precision: 'fp32',
};

/** Ids that repeat, or are no file names, or are hard to store. */
export const ODD_IDS = [
  ...['a', 'a', 'a~2', 'x/y', 'x_y', '..', '.', '', '_', '.hidden', '../../etc/passwd'],
  ...['séquence', '蛋白質😀', 'é'.repeat(200), 'z'.repeat(200), 'tab\there', 'line\nend', '=1+1', "'", 'NA', '1', ' '],
];

/** Bit patterns that are easily lost: zeros with a sign, subnormals, infinities, NaNs with a content. */
const HARD_BITS = [
  ...[0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff],
  ...[0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0xffbfffff],
];

/** Numbers of all kinds, the same for the same seed. */
export function numbers(count: number, seed: number): Float32Array {
  let state = (seed + 1) * 0x9e3779b1;
  const bits = Uint32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % 7 === 0 ? HARD_BITS[(state >>> 8) % HARD_BITS.length]! : state;
  });
  return new Float32Array(bits.buffer);
}

/** A row for each id; with the pool `tokens` as many tokens as letters, and two. */
export function rowsFor(ids: readonly string[], { layers, width, pool }: EmbeddingFileHeader): EmbeddingRow[] {
  return ids.map((id, index) => {
    const length = 1 + (index % 4);
    const tokens = pool === 'tokens' ? length + 2 : 1;
    return { id, length, states: layers.map((layer) => numbers(tokens * width, 100 * index + layer)) };
  });
}

export async function writeRows(
  format: EmbeddingFormat,
  path: string,
  header: EmbeddingFileHeader,
  rows: Iterable<EmbeddingRow>,
): Promise<void> {
  const writer = await createEmbeddingWriter(format, path, header);
  for (const row of rows) await writer.write(row);
  await writer.close();
}

/** A folder for each test, removed after it. */
export function temporaryFolder(): { readonly path: string } {
  const folder = { path: '' };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'virnucpro-embeddings-'));
  });
  afterEach(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}
