import type { NativeWorker } from './addon.js';

/** Tokens a second of each model if its linear layers were all there is to compute. */
export interface LinearLimit {
  readonly dna: number;
  readonly protein: number;
}

/** What a worker did in a run, as far as the limit asks. */
export interface LinearWork {
  readonly batches: number;
  readonly dnaTokens: number;
  readonly proteinTokens: number;
  /** Seconds on the device's thread. */
  readonly seconds: { readonly dna: number; readonly protein: number; readonly classifier: number };
}

/** A measurement may take this share of the run, or this many seconds where that is more. */
const COST_SHARE = 0.02;
const COST_SECONDS = 0.5;
/** Rows are a multiple of this. With fewer, reading the weights takes most of the time, and the limit would be too low. */
const ROW_STEP = 256;
/** The first run makes what a new number of rows needs. */
const RUNS = 2;
const PARTS = 2;

/**
 * Measures the linear layers of a worker's models alone, with about as many rows as its batches had tokens, after a run
 * that tells what this will cost.
 * @returns undefined when the run was too short to spend the time
 */
export async function measureLimit(
  worker: Pick<NativeWorker, 'measureLinear'>,
  work: LinearWork,
): Promise<LinearLimit | undefined> {
  const rows = { dna: affordableRows(work, 'dna'), protein: affordableRows(work, 'protein') };
  if (rows.dna === 0 || rows.protein === 0) return undefined;
  return {
    dna: await tokensPerSecond(worker, 'dna', rows.dna),
    protein: await tokensPerSecond(worker, 'protein', rows.protein),
  };
}

/** The seconds that the linear layers alone would have taken, as a share of those that the device was busy. */
export function linearShare({ dnaTokens, proteinTokens, seconds }: LinearWork, limit: LinearLimit): number {
  return (dnaTokens / limit.dna + proteinTokens / limit.protein) / busySeconds(seconds);
}

export function busySeconds({ dna, protein, classifier }: LinearWork['seconds']): number {
  return dna + protein + classifier;
}

/** As many rows as a batch had tokens, or what the measurement may cost; 0 when that is less than ROW_STEP. */
function affordableRows({ batches, seconds, ...tokens }: LinearWork, part: 'dna' | 'protein'): number {
  const ofPart = tokens[`${part}Tokens`];
  if (batches === 0 || ofPart === 0) return 0;
  const secondsToSpend = Math.max(COST_SECONDS, COST_SHARE * busySeconds(seconds)) / (PARTS * RUNS);
  // A row takes no longer than a token did, whose forward has the same matrix products in it.
  const affordable = Math.floor((secondsToSpend * ofPart) / seconds[part] / ROW_STEP);
  return ROW_STEP * Math.min(affordable, Math.ceil(ofPart / batches / ROW_STEP));
}

async function tokensPerSecond(
  worker: Pick<NativeWorker, 'measureLinear'>,
  part: 'dna' | 'protein',
  rows: number,
): Promise<number> {
  let least = Infinity;
  for (let run = 0; run < RUNS; run++) least = Math.min(least, (await worker.measureLinear(part, rows)).seconds);
  return rows / least;
}
