import { DNA_FAULT, PROTEIN_FAULT } from '../engine/addon.js';
import type { BatchOutcome } from '../engine/pool/scoring-work.js';
import { codeOf, reasonOf } from '../errors.js';
import type { ErrorCode } from '../errors.js';

/** What failed: a language model, the classifier, or the batch before it reached any of them. */
export type FailedPart = 'dna' | 'protein' | 'classifier' | 'batch';

/** A batch that the engine could not score completely. */
export interface BatchFailure {
  readonly part: FailedPart;
  readonly code: ErrorCode;
  readonly reason: string;
  /** Number of frames without a score because of it. */
  readonly frames: number;
  /** The inputs that these frames come from. */
  readonly sources: readonly string[];
}

/** Frames of a batch that have no score for the same reason. */
export interface UnscoredFrames extends Pick<BatchFailure, 'part' | 'code' | 'reason'> {
  /** Positions in the batch. */
  readonly rows: readonly number[];
}

/** The frames of a batch that have no score: one entry for each reason. */
export function unscoredFrames({ scores, faults, failures }: BatchOutcome): UnscoredFrames[] {
  const unscored = failures.map(({ first, last, error }): UnscoredFrames => {
    const rows = Array.from({ length: last - first }, (_, index) => first + index);
    return { rows, part: failedPart(error), code: codeOf(error), reason: reasonOf(error) };
  });
  const failed = new Set(unscored.flatMap(({ rows }) => rows));
  const withoutNumber = new Map<FailedPart, number[]>();
  for (let row = 0; row < faults.length; row++) {
    const part = failed.has(row) ? undefined : faultyPart(faults[row]!, scores[2 * row]!, scores[2 * row + 1]!);
    if (part) withoutNumber.set(part, [...(withoutNumber.get(part) ?? []), row]);
  }
  for (const [part, rows] of withoutNumber) {
    const reason = 'the model produced a non-finite score; a precision with more range, such as fp32, may help';
    unscored.push({ rows, part, code: 'VNP_NATIVE', reason });
  }
  return unscored;
}

function faultyPart(fault: number, others: number, virus: number): FailedPart | undefined {
  if (fault === DNA_FAULT) return 'dna';
  if (fault === PROTEIN_FAULT) return 'protein';
  return Number.isFinite(others) && Number.isFinite(virus) ? undefined : 'classifier';
}

function failedPart(error: unknown): FailedPart {
  const part = error instanceof Error && (error.cause as { part?: string } | undefined)?.part;
  return part === 'dna' || part === 'protein' ? part : 'batch';
}
