/** The six reading frames in the classic order: three of the forward strand, three of the reverse complement. */
export const FRAME_NAMES = ['F1', 'F2', 'F3', 'R1', 'R2', 'R3'] as const;
export type FrameName = (typeof FRAME_NAMES)[number];

/** A reading frame without a stop codon: what both models embed. */
export interface Orf {
  readonly name: FrameName;
  /** One-letter amino acids, never empty. */
  readonly protein: Uint8Array;
  /** Upper-case bases of the frame's strand: `strand[f .. f + 3*P + 1]`, clipped at the end of the strand. */
  readonly nucleotide: Uint8Array;
}
