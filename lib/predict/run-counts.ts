/**
 * Everything that went into a run and came out. When it came to its end, these hold (one that was stopped has read more
 * than it has results of):
 * records = contigsVirus + contigsOther + contigsNone; windows = windowsScored + windowsNoFrame + windowsFailed;
 * framesScored <= framesFound.
 */
export interface RunCounts {
  /** Records read: as many as contigs.tsv has rows, unless the run was stopped before the results of all were there. */
  records: number;
  /** Records without letters. */
  empty: number;
  /** Records with which something is wrong, so that they have no windows. */
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
  /** Those of them that triage decided; 0 in a run without. */
  windowsTriaged: number;
  /** Their frames, which no other model has read: they are among `framesScored`. */
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
