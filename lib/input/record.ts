/** The letters of one record, in memory when short and in a temporary file when long, so that memory stays bounded. */
export interface StoredSequence {
  /** Number of letters. */
  readonly length: number;
  /** Letters [start, end) as they were read, without white space, gaps and what else is no letter. Valid until `release`. */
  read(start: number, end: number): Uint8Array;
  /** Gives back the memory or the temporary file. Reading afterwards is an error. */
  release(): void;
}

/** One record of FASTA or FASTQ, as it was read. */
export interface SequenceRecord {
  /** Position in the whole input, from 0. */
  readonly index: number;
  /** The first whitespace-delimited word of the header; empty when the header is. */
  readonly id: string;
  /** The header line without its sign, right-stripped. */
  readonly header: string;
  /** The path that it was read from, `-` for standard input. */
  readonly source: string;
  /** Letters other than A, C, G, T, U, in either case. */
  readonly ambiguous: number;
  /** Letters U, in either case. They are among the letters as they came; windows have T in their place. */
  readonly uracil: number;
  /** Gap characters, `-` and `.`, which were left out of the letters. */
  readonly gaps: number;
  /** What is wrong with it, and in which line, so that nothing is computed for it. Absent when it is sound. */
  readonly problem?: string;
  /** The reader of records must release it. */
  readonly sequence: StoredSequence;
}
