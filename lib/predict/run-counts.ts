/**
 * Everything that went into a run and came out of it. In a run that reached its end, these hold (a stopped run has read
 * more than it has results for):
 * records = contigsVirus + contigsOther + contigsNone; windows = windowsScored + windowsNoFrame + windowsFailed;
 * framesScored <= framesFound.
 */
export interface RunCounts {
  /** Records read: the number of rows of contigs.tsv, unless the run was stopped before all records had results. */
  records: number;
  /** Records without letters. */
  empty: number;
  /** Malformed records, which have no windows. */
  invalid: number;
  /** Letters U, which were read as T, and the records that have them. */
  uracil: number;
  recordsWithUracil: number;
  /** Gap characters, `-` and `.`, which were left out, and the records that had them. */
  gaps: number;
  recordsWithGaps: number;
  /** Rows of windows.tsv. */
  windows: number;
  /** Reading frames without a stop codon. */
  framesFound: number;
  /** Rows of prediction_results.txt. */
  framesScored: number;
  windowsScored: number;
  /** Of `windowsScored`, those that triage decided; 0 without triage. */
  windowsTriaged: number;
  /** Frames of those windows, which no other model read; included in `framesScored`. */
  framesSpared: number;
  /** Windows in which every frame has a stop codon, or no codon. */
  windowsNoFrame: number;
  windowsFailed: number;
  /** Contigs by verdict. */
  contigsVirus: number;
  contigsOther: number;
  contigsNone: number;
}

export function noCounts(): RunCounts {
  return {
    records: 0,
    empty: 0,
    invalid: 0,
    uracil: 0,
    recordsWithUracil: 0,
    gaps: 0,
    recordsWithGaps: 0,
    windows: 0,
    framesFound: 0,
    framesScored: 0,
    windowsScored: 0,
    windowsTriaged: 0,
    framesSpared: 0,
    windowsNoFrame: 0,
    windowsFailed: 0,
    contigsVirus: 0,
    contigsOther: 0,
    contigsNone: 0,
  };
}
