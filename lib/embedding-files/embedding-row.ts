/** What an embedding is of a sequence's tokens: their mean, the first, the maximum of each number, or all of them. */
export type EmbeddingPool = 'mean' | 'cls' | 'max' | 'tokens';

/** How the embeddings of a file were made. */
export interface EmbeddingFileHeader {
  /** Name of the model. */
  readonly model: string;
  readonly part: 'protein' | 'dna';
  /** From 0, the token embeddings, to the number of the last layer. */
  readonly layers: readonly number[];
  /** Numbers in an embedding. */
  readonly width: number;
  readonly pool: EmbeddingPool;
  readonly precision: string;
}

/** The embeddings of one sequence. */
export interface EmbeddingRow {
  /** Not necessarily unique, and any text. */
  readonly id: string;
  /** Letters of the sequence. */
  readonly length: number;
  /** For each layer [width], or [tokens, width] with the pool `tokens`. */
  readonly states: readonly Float32Array[];
}
