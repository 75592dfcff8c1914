import type { StoredSequence } from '../input/record.js';
import type { FrameName, Orf } from '../windows/open-reading-frames.js';

/** The classifier's softmax for one ORF, calibrated if that is on; float32 values that add up to 1, up to rounding. */
export interface FrameScore {
  /** `F1` to `R3`. */
  readonly frame: FrameName;
  /** Score of the class other, 0 to 1. */
  readonly others: number;
  /** Score of the class virus, 0 to 1. */
  readonly virus: number;
  /**
   * Only if asked for: [dna width + protein width], the means over the frame's tokens of DNABERT-S, then of ESM-2,
   * which the classifier reads. An array of its own.
   */
  readonly embedding?: Float32Array;
}

/** The call on a scored window. */
export type WindowCall = 'virus' | 'other';

export type WindowStatus =
  /** At least one frame was scored. */
  | 'scored'
  /** Every frame has a stop codon or no codon: nothing to embed. */
  | 'no_frame'
  /** The engine could not score it; `reason` says why. */
  | 'failed';

/**
 * One window of a record. Plain data, as all results are: structuredClone and messages to other threads take it, as
 * long as they take `record`.
 *
 * @typeParam R type of the caller's own records: undefined in a run over files or a stream
 */
export interface WindowResult<R = unknown> {
  /** Tells it from a ContigResult. */
  readonly kind: 'window';
  /** The very object that the caller gave as a record; undefined in a run over files or a stream. */
  readonly record: R;
  /** Position of the record in the whole input, from 0. */
  readonly index: number;
  /** Id of the record. */
  readonly contig: string;
  /** The path that the record was read from, `-` for standard input; `records` or `stream` if it was not a file. */
  readonly source: string;
  /** From 1 within the record. */
  readonly number: number;
  /** Its first base on the forward strand, from 0. */
  readonly start: number;
  /** The base after its last one: the window is the half-open interval [start, end). */
  readonly end: number;
  /** What became of it. */
  readonly status: WindowStatus;
  /** Empty when scored. */
  readonly reason: string;
  /** ORFs only, in the classic order F1..R3. */
  readonly frames: readonly FrameScore[];
  /**
   * The frame that decides the window: the one with the highest score of either class (a tie goes to virus), so that
   * `virusScore >= 0.5` is exactly the classic rule max(score2) >= max(score1). Absent unless scored.
   */
  readonly decidingFrame?: FrameScore;
  /** The virus score of the deciding frame. Absent unless scored. */
  readonly virusScore?: number;
  /** `virus` when the virus score is at least the threshold. Absent unless scored. */
  readonly call?: WindowCall;
  /** Name of the model that decided it: the run's or that of triage. Empty unless scored. */
  readonly model: string;
  /**
   * Only if asked for: the window's letters as read, and its ORFs (scored or not) in the classic order. Views into
   * larger buffers: copy (`slice`) what you keep or send.
   */
  readonly sequences?: {
    /** ASCII. */
    readonly letters: Uint8Array;
    /** Their bases and amino acids. */
    readonly orfs: readonly Orf[];
  };
}

export type ContigVerdict = 'virus' | 'other' | 'none';

export type ContigStatus =
  /** Every window that has a frame was scored. */
  | 'scored'
  /** Some windows failed. */
  | 'partial'
  /** No window has a frame without a stop. */
  | 'no_frame'
  /** The record has no letters. */
  | 'empty'
  /** The record is malformed: nothing was computed for it, and it has no windows. */
  | 'invalid'
  /** Every window that has a frame failed. */
  | 'failed';

/** Over the scored windows; absent if there are none. */
export interface ContigScores {
  /** Mean of their virus scores. */
  readonly meanVirusScore?: number;
  /** Highest of their virus scores. */
  readonly maxVirusScore?: number;
  /**
   * Mean of the natural log of their odds, ln(score / (1 - score)), with scores kept at least 2^-24 away from 0 and 1.
   * Independent evidence adds up in it, so it ranks contigs better than the mean score does.
   */
  readonly meanLogOdds?: number;
}

/**
 * A whole record. It comes after the results of its windows.
 *
 * @typeParam R type of the caller's own records: undefined in a run over files or a stream
 */
export interface ContigResult<R = unknown> extends ContigScores {
  /** Tells it from a WindowResult. */
  readonly kind: 'contig';
  /** The very object that the caller gave as a record; undefined in a run over files or a stream. */
  readonly record: R;
  /** Position of the record in the whole input, from 0. */
  readonly index: number;
  /** Id of the record. */
  readonly contig: string;
  /** The whole header line without `>`; the id if the record came from memory. */
  readonly header: string;
  /** See WindowResult. */
  readonly source: string;
  /** Letters. */
  readonly length: number;
  /** Letters other than A, C, G, T, U, in either case. */
  readonly ambiguous: number;
  /** Letters U, in either case, which were read as T. */
  readonly uracil: number;
  /** Gap characters, `-` and `.`, which were left out: no position counts them. */
  readonly gaps: number;
  /** `virus` when at least `minFraction` of the scored windows are; `none` without a scored window. */
  readonly verdict: ContigVerdict;
  /** Windows of the record. */
  readonly windows: number;
  /** Of these, the scored ones. */
  readonly windowsScored: number;
  /** Scored windows that are called virus. */
  readonly windowsVirus: number;
  /** What became of it. */
  readonly status: ContigStatus;
  /** Empty when scored. */
  readonly reason: string;
}

/** Results come in input order: the windows of a record, then the record. */
export type PredictionResult<R = unknown> = WindowResult<R> | ContigResult<R>;

/** A contig's result inside a run, with what the result files need. */
export interface StoredContigResult<R = unknown> extends ContigResult<R> {
  /** The record's letters as read; readable until the next result is asked for. */
  readonly sequence: StoredSequence;
}

/** A result inside a run. */
export type StoredResult<R = unknown> = WindowResult<R> | StoredContigResult<R>;
