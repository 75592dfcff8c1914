import type { ContigVerdict, FrameScore } from './results.js';

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

/**
 * The frame that decides a window: the one with the highest score of either class. Where the highest scores of both
 * classes are equal the viral one decides, as max(score2) >= max(score1) does in the classic tool.
 */
export function decidingFrame(frames: readonly FrameScore[]): FrameScore | undefined {
  let virus: FrameScore | undefined;
  let others: FrameScore | undefined;
  for (const frame of frames) {
    if (!virus || frame.virus > virus.virus) virus = frame;
    if (!others || frame.others > others.others) others = frame;
  }
  return virus && others && virus.virus >= others.others ? virus : others;
}

/** `none` when no window was scored. */
export function contigVerdict(windowsScored: number, windowsVirus: number, rule: CallRule): ContigVerdict {
  if (windowsScored === 0) return 'none';
  return windowsVirus >= rule.minFraction * windowsScored && windowsVirus > 0 ? 'virus' : 'other';
}
