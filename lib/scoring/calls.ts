import type { ContigVerdict, WindowCall } from './results.js';

/** A window is called virus when its virus score is at least this: the classic rule. */
export const DEFAULT_THRESHOLD = 0.5;
/** A contig is called virus when at least this fraction of its scored windows is. */
export const DEFAULT_MIN_FRACTION = 0.5;

export interface CallRule {
  /** 0 to 1. Defaults to DEFAULT_THRESHOLD. */
  readonly threshold: number;
  /** 0 to 1, of the scored windows. Defaults to DEFAULT_MIN_FRACTION. */
  readonly minFraction: number;
}

/** What a window with this virus score is called. Nothing else compares a score with the threshold. */
export function windowCall(virusScore: number, { threshold }: Pick<CallRule, 'threshold'>): WindowCall {
  return virusScore >= threshold ? 'virus' : 'other';
}

/** What a contig is called by its windows; `none` when no window was scored. */
export function contigVerdict(
  windowsScored: number,
  windowsVirus: number,
  { minFraction }: Pick<CallRule, 'minFraction'>,
): ContigVerdict {
  if (windowsScored === 0) return 'none';
  return windowsVirus >= minFraction * windowsScored && windowsVirus > 0 ? 'virus' : 'other';
}

/**
 * Whether the classic tool takes a window for virus, by the highest scores of its frames. It has no threshold; where
 * scores are not calibrated this is `windowCall` at 0.5.
 */
export function isVirusInClassicTool(highestOthers: number, highestVirus: number): boolean {
  return highestVirus >= highestOthers;
}

/** What the classic tool calls a frame. A tie is `others` here, and virus in `isVirusInClassicTool`. */
export function classicFrameCall(others: number, virus: number): 'virus' | 'others' {
  return virus > others ? 'virus' : 'others';
}

/** Which of a triage model's scores leave no doubt. */
export interface TriageRule {
  /** A window is decided where its calibrated virus score is below this. 0 to 1; 0 for never. */
  readonly othersBelow: number;
  /** A window is decided where its calibrated virus score is at least this. 0 to 1, at least `othersBelow`. */
  readonly virusAtLeast: number;
}

/** Whether a window with this calibrated virus score is left to no other model. */
export function isSure(virusScore: number, { othersBelow, virusAtLeast }: TriageRule): boolean {
  return virusScore < othersBelow || virusScore >= virusAtLeast;
}
