import type { NativeWorker } from '../addon.js';

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

/**
 * A measurement may take this fraction of the run, or this many seconds where that is more, if the linear layers take as
 * long as the whole model did; they take less.
 */
const COST_SHARE = 0.02;
const COST_SECONDS = 0.6;
/** Rows are a multiple of this. With fewer, reading the weights takes most of the time, and the limit would be too low. */
const ROW_STEP = 256;
/** The first run makes what a new number of rows needs. */
const RUNS = 2;
const PARTS = ['dna', 'protein'] as const;
type Part = (typeof PARTS)[number];

/**
 * Measures the linear layers of a worker's models alone, with about as many rows as its batches had tokens, after a run
 * that tells what this will cost.
 * @returns undefined when the run was too short to spend the time
 */
export async function measureLimit(
  worker: Pick<NativeWorker, 'measureLinear'>,
  work: LinearWork,
): Promise<LinearLimit | undefined> {
  const affordable = affordableRows(work);
  if (affordable === 0) return undefined;
  const ofPart = (part: Part): Promise<number> =>
    tokensPerSecond(worker, part, Math.min(affordable, rowsOfBatch(work, part)));
  return { dna: await ofPart('dna'), protein: await ofPart('protein') };
}

/** The seconds that the linear layers alone would have taken, as a fraction of those that the device was busy. */
export function matmulEfficiency({ dnaTokens, proteinTokens, seconds }: LinearWork, limit: LinearLimit): number {
  return (dnaTokens / limit.dna + proteinTokens / limit.protein) / busySeconds(seconds);
}

export function busySeconds({ dna, protein, classifier }: LinearWork['seconds']): number {
  return dna + protein + classifier;
}

/** Rows that the measurement can afford for both models; 0 when that is less than ROW_STEP, or nothing was computed. */
function affordableRows(work: LinearWork): number {
  if (PARTS.some((part) => tokensOf(work, part) === 0)) return 0;
  const secondsOfRow = PARTS.reduce((sum, part) => sum + work.seconds[part] / tokensOf(work, part), 0);
  const secondsToSpend = Math.max(COST_SECONDS, COST_SHARE * busySeconds(work.seconds)) / RUNS;
  return ROW_STEP * Math.floor(secondsToSpend / secondsOfRow / ROW_STEP);
}

/** About the tokens of a batch. */
function rowsOfBatch(work: LinearWork, part: Part): number {
  return ROW_STEP * Math.ceil(tokensOf(work, part) / work.batches / ROW_STEP);
}

function tokensOf({ dnaTokens, proteinTokens }: LinearWork, part: Part): number {
  return part === 'dna' ? dnaTokens : proteinTokens;
}

async function tokensPerSecond(worker: Pick<NativeWorker, 'measureLinear'>, part: Part, rows: number): Promise<number> {
  let least = Infinity;
  for (let run = 0; run < RUNS; run++) least = Math.min(least, (await worker.measureLinear(part, rows)).seconds);
  return rows / least;
}
