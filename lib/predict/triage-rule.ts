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
