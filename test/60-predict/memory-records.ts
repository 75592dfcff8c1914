import { readFileSync } from 'node:fs';
import type { InputRecord, Prediction, PredictionResult } from '../../lib/index.js';
import { fixture } from '../repository.js';

export const INPUT = fixture('golden', 'end_to_end', 'input.fa');
export const FRAME = 'ATGGCTGCTAAAGGTCTGGCTCCAGAACGTGCT';

/** The records of a FASTA text: ids, and the lines below the headers as they are. */
export function recordsOf(fasta: string): InputRecord[] {
  return fasta
    .split(/^>/m)
    .slice(1)
    .map((entry) => {
      const end = entry.indexOf('\n');
      return { id: entry.slice(0, end).split(/\s/)[0]!, sequence: entry.slice(end + 1) };
    });
}

/** Those of the golden input. */
export const RECORDS = recordsOf(readFileSync(INPUT, 'utf8'));

/** All results of a prediction. */
export async function all<R>(prediction: Prediction<R>): Promise<PredictionResult<R>[]> {
  const results: PredictionResult<R>[] = [];
  for await (const result of prediction) results.push(result);
  return results;
}

/** A result without what says where its record came from. */
export function content(result: PredictionResult): object {
  const { record: _, source: __, ...rest } = result;
  return 'header' in rest ? { ...rest, header: rest.contig } : rest;
}
