import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** Rows of contigs.tsv or windows.tsv: cells by the name of their column, as they are in the file. */
export function tableRows(path: string): Record<string, string>[] {
  const [comment, header, ...rows] = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.ok(comment!.startsWith('# '));
  const names = header!.split('\t');
  return rows.map((row) => Object.fromEntries(row.split('\t').map((cell, index) => [names[index]!, cell])));
}
