// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BATCH_RECORD, decodeHead, HEAD_BYTES, TRIAGE_RECORD } from '../../dist/lib/journal/journal-format.js';

/** @typedef {{ start: number, end: number, isBatch: boolean, kind: number, batch: number, frames: number }} JournalRecord */

/** The whole records from the start of an undamaged journal. @param {string} directory @returns {JournalRecord[]} */
export function journalRecords(directory) {
  let bytes;
  try {
    bytes = readFileSync(join(directory, '.journal'));
  } catch {
    return [];
  }
  const records = [];
  for (let start = 0; start + HEAD_BYTES <= bytes.length;) {
    const head = decodeHead(bytes.subarray(start, start + HEAD_BYTES));
    const end = start + HEAD_BYTES + (head?.payloadBytes ?? 0);
    if (!head || end > bytes.length) break;
    const { kind, batch, frames } = head;
    records.push({ start, end, isBatch: kind === BATCH_RECORD || kind === TRIAGE_RECORD, kind, batch, frames });
    start = end;
  }
  return records;
}

/**
 * Frames scored in these records. A later record of a batch replaces an earlier one.
 * @param {readonly JournalRecord[]} records
 */
export function framesIn(records) {
  const batches = records.filter(({ isBatch }) => isBatch);
  const frames = new Map(batches.map(({ kind, batch, frames: count }) => [`${kind} ${batch}`, count]));
  return [...frames.values()].reduce((sum, count) => sum + count, 0);
}
