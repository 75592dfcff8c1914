// @ts-check
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEAD_BYTES } from '../../dist/lib/journal/journal-format.js';
import { framesIn, journalRecords } from './journal-file.mjs';
import { killAtBytes } from './kills.mjs';

/** @typedef {import('./journal-file.mjs').JournalRecord} JournalRecord */
/** @typedef {import('./random.mjs').Random} Random */
/** @typedef {import('./trials.mjs').Fault} Fault */
/** @typedef {import('./trials.mjs').Trial} Trial */

/**
 * Damages a journal.
 * @typedef {(journal: string, records: readonly JournalRecord[], random: Random) => readonly JournalRecord[]} Damage
 *   the records that are still whole; none if both keys are lost
 */

/** A run is killed, its journal damaged, then it is resumed. @param {number} times of each @returns {Fault[]} */
export function damages(times) {
  /** @type {[string, Damage][]} */
  const all = [
    ['journal: a bit flipped in a payload', (path, records, random) => flipIn(path, records, random, 'payload')],
    ['journal: a bit flipped in a head', (path, records, random) => flipIn(path, records, random, 'head')],
    ['journal: a bit flipped in one key', (path, records, random) => flipKeys(path, records, random, 1)],
    ['journal: a bit flipped in both keys', (path, records, random) => flipKeys(path, records, random, 2)],
    ['journal: 20 bits flipped anywhere behind the keys', flipMany],
    ['journal: cut off anywhere', cutOff],
    ['journal: random bytes behind it', (path, records, random) => append(path, records, randomBytes(random))],
    [
      'journal: zeros behind it',
      (path, records, random) => append(path, records, new Uint8Array(1 + random.below(9000))),
    ],
    ['journal: part of a record behind it', appendPart],
    ['journal: a record overwritten with zeros', zeroed],
  ];
  return all.map(([name, damage]) => ({ name, trials: Array.from({ length: times }, () => damaged(damage)) }));
}

/** @param {Damage} damage @returns {Trial} */
function damaged(damage) {
  return async (laboratory, random) => {
    const { plain } = laboratory.subjects;
    const directory = laboratory.newDirectory();
    const { journalBytes: all } = await laboratory.undisturbed(plain);
    const run = laboratory.begin(plain, directory);
    await killAtBytes(run, directory, { bytes: all * (0.3 + 0.4 * random.fraction()), delay: 0 });
    const journal = join(directory, '.journal');
    const records = journalRecords(directory);
    // A record torn by the kill itself is not what is tried here.
    truncateSync(journal, records.at(-1)?.end ?? 0);
    const sound = damage(journal, records, random);
    return laboratory.resume(plain, directory, { frames: framesIn(sound) });
  };
}

/** @param {string} path @param {number} position @param {Random} random */
function flipBit(path, position, random) {
  const bytes = readFileSync(path);
  bytes[position] = (bytes[position] ?? 0) ^ (1 << random.below(8));
  writeFileSync(path, bytes);
}

/** @param {string} path @param {readonly JournalRecord[]} records @param {Random} random @param {'head' | 'payload'} part */
function flipIn(path, records, random, part) {
  const hit = random.of(records.filter(({ isBatch }) => isBatch));
  const from = part === 'head' ? hit.start : hit.start + HEAD_BYTES;
  const end = part === 'head' ? hit.start + HEAD_BYTES : hit.end;
  flipBit(path, from + random.below(end - from), random);
  return records.filter((record) => record !== hit);
}

/** @param {string} path @param {readonly JournalRecord[]} records @param {Random} random @param {number} count */
function flipKeys(path, records, random, count) {
  const keys = records.filter(({ isBatch }) => !isBatch);
  const hit = count === 1 ? [random.of(keys)] : keys;
  for (const { start, end } of hit) flipBit(path, start + random.below(end - start), random);
  return hit.length === keys.length ? [] : records;
}

/** @type {Damage} */
function flipMany(path, records, random) {
  const first = records.find(({ isBatch }) => isBatch);
  const end = records.at(-1)?.end ?? 0;
  if (!first) return records;
  const positions = Array.from({ length: 20 }, () => first.start + random.below(end - first.start));
  // Each position once: a bit that is flipped twice is intact again.
  for (const position of new Set(positions)) flipBit(path, position, random);
  return records.filter(({ start, end: last }) => !positions.some((position) => position >= start && position < last));
}

/** @type {Damage} */
function cutOff(path, records, random) {
  const size = random.below(records.at(-1)?.end ?? 0);
  truncateSync(path, size);
  const whole = records.filter(({ end }) => end <= size);
  return whole.some(({ isBatch }) => !isBatch) ? whole : [];
}

/** @param {string} path @param {readonly JournalRecord[]} records @param {Uint8Array} bytes */
function append(path, records, bytes) {
  appendFileSync(path, bytes);
  return records;
}

/** @param {Random} random */
function randomBytes(random) {
  return Uint8Array.from({ length: 1 + random.below(5000) }, () => random.below(256));
}

/** @type {Damage} */
function appendPart(path, records, random) {
  const { start, end } = random.of(records);
  return append(path, records, readFileSync(path).subarray(start, end - 1 - random.below(end - start - 1)));
}

/** @type {Damage} */
function zeroed(path, records, random) {
  const hit = random.of(records.filter(({ isBatch }) => isBatch));
  const bytes = readFileSync(path).fill(0, hit.start, hit.end);
  writeFileSync(path, bytes);
  return records.filter((record) => record !== hit);
}
