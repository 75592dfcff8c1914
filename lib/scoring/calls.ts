import type { ContigVerdict, WindowCall } from './results.js';

/** The threshold that is equal to the classic tool's rule. */
export const DEFAULT_THRESHOLD = 0.5;
export const DEFAULT_MIN_FRACTION = 0.5;

/** The rule of a run. */
export interface CallRule {
  /** A window is called virus when its virus score is at least this, 0 to 1. */
  readonly threshold: number;
  /** A contig is called virus when at least this fraction of its scored windows is, 0 to 1. */
  readonly minFraction: number;
}

/** The call for a window with this virus score. Nothing else compares a score with the threshold. */
export function windowCall(virusScore: number, { threshold }: Pick<CallRule, 'threshold'>): WindowCall {
  return virusScore >= threshold ? 'virus' : 'other';
}

/** The verdict on a contig by its windows; `none` when no window was scored. */
export function contigVerdict(
  windowsScored: number,
  windowsVirus: number,
  { minFraction }: Pick<CallRule, 'minFraction'>,
): ContigVerdict {
  if (windowsScored === 0) return 'none';
  return windowsVirus >= minFraction * windowsScored && windowsVirus > 0 ? 'virus' : 'other';
}

/**
 * Whether the classic tool calls a window virus, by the highest scores of its frames. It has no threshold; for
 * uncalibrated scores this equals `windowCall` at 0.5.
 */
export function isVirusInClassicTool(highestOthers: number, highestVirus: number): boolean {
  return highestVirus >= highestOthers;
}

/** The classic tool's call for a frame. A tie is `others` here, but virus in `isVirusInClassicTool`. */
export function classicFrameCall(others: number, virus: number): 'virus' | 'others' {
  return virus > others ? 'virus' : 'others';
}

/** The scores at which a triage model decides a window. */
export interface TriageRule {
  /** A window is decided if its calibrated virus score is below this. 0 to 1; 0 for never. */
  readonly othersBelow: number;
  /** A window is decided if its calibrated virus score is at least this. 0 to 1, at least `othersBelow`. */
  readonly virusAtLeast: number;
}

/** Whether triage decides a window with this calibrated virus score. */
export function triageDecides(virusScore: number, { othersBelow, virusAtLeast }: TriageRule): boolean {
  return virusScore < othersBelow || virusScore >= virusAtLeast;
}
