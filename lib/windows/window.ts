/** One window ("chunk" in the classic tool) of a record. */
export interface SequenceWindow {
  /** From 1 within its record; the classic id is `{record id}_chunk_{number}`. */
  readonly number: number;
  /** First letter, from 0. */
  readonly start: number;
  /** The letters, case preserved, T for U. */
  readonly letters: Uint8Array;
}

/** The classic id of a window. */
export function windowId(recordId: string, number: number): string {
  return `${recordId}_chunk_${number}`;
}
