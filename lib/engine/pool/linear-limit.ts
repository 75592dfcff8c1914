import { checkGiven } from '../../option-checks.js';
import type { NativeWorker } from '../addon.js';

/** Tokens a second of each model if its linear layers were the only work. */
export interface LinearLimit {
  readonly dna: number;
  readonly protein: number;
}

/** A worker's work in a run, as far as the limit depends on it. */
export interface LinearWork {
  readonly batches: number;
  readonly dnaTokens: number;
  readonly proteinTokens: number;
  /** Seconds on the device's thread. */
  readonly seconds: { readonly dna: number; readonly protein: number; readonly classifier: number };
}

/**
 * Cost limits of a measurement: this fraction of the run, or this many seconds if that is more. Both assume that the
 * linear layers take as long as the whole model did, and so are upper bounds.
 */
const COST_SHARE = 0.02;
const COST_SECONDS = 0.6;
/** Rows are a multiple of this. With fewer, reading the weights dominates, and the limit would be too low. */
const ROW_STEP = 256;
/** The first run sets up what a new number of rows needs. */
const RUNS = 2;
const PARTS = ['dna', 'protein'] as const;
type Part = (typeof PARTS)[number];

/**
 * Measures the linear layers of a worker's models alone, with about as many rows as its batches had tokens. Comes after
 * a run, whose `work` predicts what the measurement will cost.
 * @returns undefined if the affordable time is too short
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

/**
 * Seconds that the linear layers alone would have taken, as a fraction of the seconds that the device was busy.
 * @throws VirnucproError VNP_ARGUMENT
 */
export function matmulEfficiency(work: LinearWork, limit: LinearLimit): number {
  checkGiven('the work', work, 'a device of a summary', isWork);
  checkGiven('the limit', limit, 'the limit of a device', isLimit);
  const { dnaTokens, proteinTokens, seconds } = work;
  return (dnaTokens / limit.dna + proteinTokens / limit.protein) / busySeconds(seconds);
}

function isWork(value: unknown): boolean {
  const { dnaTokens, proteinTokens, seconds } = Object(value) as Partial<LinearWork>;
  return typeof dnaTokens === 'number' && typeof proteinTokens === 'number' && typeof seconds === 'object';
}

function isLimit(value: unknown): boolean {
  const { dna, protein } = Object(value) as Partial<LinearLimit>;
  return typeof dna === 'number' && typeof protein === 'number';
}

export function busySeconds({ dna, protein, classifier }: LinearWork['seconds']): number {
  return dna + protein + classifier;
}

/** Rows that the measurement can afford for both models; 0 if fewer than ROW_STEP, or if nothing was computed. */
function affordableRows(work: LinearWork): number {
  if (PARTS.some((part) => tokensOf(work, part) === 0)) return 0;
  const secondsOfRow = PARTS.reduce((sum, part) => sum + work.seconds[part] / tokensOf(work, part), 0);
  const secondsToSpend = Math.max(COST_SECONDS, COST_SHARE * busySeconds(work.seconds)) / RUNS;
  return ROW_STEP * Math.floor(secondsToSpend / secondsOfRow / ROW_STEP);
}

/** Mean tokens of a batch, rounded up to ROW_STEP. */
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
