import type { ErrorCode } from '../errors.js';
import type { EmbeddingJournalContent } from '../journal/embedding-journal.js';
import type { EmbeddingRunCounts } from './manifest.js';

/** What a run of embeddings reports, besides what loading a model reports. */
export type EmbeddingEvent =
  EmbeddingsResumedEvent | EmbeddingProgressEvent | RecordWithoutEmbeddingEvent | EmbeddedEvent;

/** The run resumes from the journal of an earlier one. */
export interface EmbeddingsResumedEvent extends EmbeddingJournalContent {
  readonly event: 'embeddings-resumed';
  /** Path of the journal. */
  readonly journal: string;
}

/** How far the run is, at intervals. */
export interface EmbeddingProgressEvent {
  readonly event: 'embedding-progress';
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesTotal: number | null;
  /** 0 to 1. */
  readonly fraction: number | null;
  readonly secondsLeft: number | null;
  /** Records that are done, with or without an embedding. */
  readonly records: number;
  /** Those without. */
  readonly recordsFailed: number;
  /** Sequences, and windows of sequences, that were computed, a second. */
  readonly sequencesPerSecond: number;
  readonly tokensPerSecond: number;
}

/** A record has no embedding. Emitted for the first ones only: the table of failed records has all. */
export interface RecordWithoutEmbeddingEvent {
  readonly event: 'record-without-embedding';
  /** From 1, in the whole input. */
  readonly record: number;
  readonly id: string;
  readonly source: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** The output is written. */
export interface EmbeddedEvent {
  readonly event: 'embedded';
  readonly counts: EmbeddingRunCounts;
  /** The whole command. */
  readonly seconds: number;
  readonly model: string;
  /** As it was given. */
  readonly output: string;
}
