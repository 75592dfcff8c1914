// @ts-check
import { contigVerdict } from '../../dist/lib/scoring/calls.js';
import { triageDecides } from '../../dist/lib/scoring/calls.js';

/** @typedef {import('./score-table.mjs').ScoredWindow} ScoredWindow */
/** @typedef {{ threshold: number, minFraction: number }} CallRule */
/** @typedef {{ othersBelow: number, virusAtLeast: number }} TriageRule */

/**
 * One window in both runs.
 * @typedef {object} WindowPair
 * @property {number} contig index of the contig
 * @property {number} frames
 * @property {number | undefined} small score
 * @property {number | undefined} large score
 */

/**
 * @typedef {object} Pairs
 * @property {string[]} contigs names; a contig is a run of rows with one name and ascending window numbers
 * @property {WindowPair[]} windows
 */

/**
 * Calls that differ from those of the large model alone.
 * @typedef {object} Changes
 * @property {number} toVirus
 * @property {number} toOther
 * @property {number} otherwise between a call and none
 */

/**
 * @typedef {object} Simulated
 * @property {TriageRule} rule
 * @property {number} windowsSpared
 * @property {number} framesSpared
 * @property {Changes} windows
 * @property {Changes} contigs
 * @property {Wrong} [wrong] if the truth is known
 */

/**
 * Wrong calls among those whose truth is known.
 * @typedef {object} Wrong
 * @property {number} windows
 * @property {number} contigs
 */

/**
 * @param {readonly ScoredWindow[]} small @param {readonly ScoredWindow[]} large
 * @returns {Pairs}
 */
export function pairsOf(small, large) {
  if (small.length !== large.length) throw otherInput(`${small.length} windows and ${large.length}`);
  /** @type {Pairs} */
  const pairs = { contigs: [], windows: [] };
  let last = -1;
  for (const [index, one] of small.entries()) {
    const other = /** @type {ScoredWindow} */ (large[index]);
    if (one.contig !== other.contig || one.window !== other.window) {
      throw otherInput(`window ${one.window} of ${one.contig} beside ${other.window} of ${other.contig}`);
    }
    // Adjacent contigs may have the same name.
    const number = Number(one.window);
    if (one.contig !== pairs.contigs.at(-1) || number <= last) pairs.contigs.push(one.contig);
    last = number;
    pairs.windows.push({
      contig: pairs.contigs.length - 1,
      frames: Math.max(one.frames, other.frames),
      ...{ small: one.score, large: other.score },
    });
  }
  return pairs;
}

/** @param {string} found */
function otherInput(found) {
  return new Error(`Expected two runs over the same input but found ${found}`);
}

/**
 * What triage with this rule would spare and change.
 * @param {Pairs} pairs @param {TriageRule} triage @param {CallRule} calls
 * @param {ReadonlyMap<string, boolean>} [truth] whether a contig is virus
 * @returns {Simulated}
 */
export function simulate(pairs, triage, calls, truth) {
  const decided = pairs.windows.map(({ small }) => small !== undefined && triageDecides(small, triage));
  const scores = pairs.windows.map(({ small, large }, index) => (decided[index] ? small : large));
  const spared = pairs.windows.filter((_, index) => decided[index]);
  const alone = pairs.windows.map(({ large }) => large);
  return {
    rule: triage,
    windowsSpared: spared.length,
    framesSpared: spared.reduce((sum, { frames }) => sum + frames, 0),
    windows: changes(windowCalls(alone, calls), windowCalls(scores, calls)),
    contigs: changes(contigCalls(pairs, alone, calls), contigCalls(pairs, scores, calls)),
    ...(truth && { wrong: wrongOf(pairs, scores, calls, truth) }),
  };
}

/**
 * How many calls from these scores are wrong.
 * @param {Pairs} pairs @param {readonly (number | undefined)[]} scores of its windows
 * @param {CallRule} calls @param {ReadonlyMap<string, boolean>} truth
 * @returns {Wrong}
 */
export function wrongOf(pairs, scores, calls, truth) {
  /** @param {string} call @param {number} contig */
  const isWrong = (call, contig) => {
    const isVirus = truth.get(/** @type {string} */ (pairs.contigs[contig]));
    return isVirus !== undefined && call !== 'none' && (call === 'virus') !== isVirus;
  };
  const ofWindows = windowCalls(scores, calls);
  const ofContigs = contigCalls(pairs, scores, calls);
  return {
    windows: pairs.windows.filter(({ contig }, index) => isWrong(/** @type {string} */ (ofWindows[index]), contig))
      .length,
    contigs: ofContigs.filter((call, contig) => isWrong(call, contig)).length,
  };
}

/** @param {readonly (number | undefined)[]} scores @param {CallRule} rule */
function windowCalls(scores, { threshold }) {
  return scores.map((score) => (score === undefined ? 'none' : score >= threshold ? 'virus' : 'other'));
}

/** @param {Pairs} pairs @param {readonly (number | undefined)[]} scores @param {CallRule} rule */
function contigCalls({ contigs, windows }, scores, rule) {
  const counts = contigs.map(() => ({ scored: 0, virus: 0 }));
  for (const [index, call] of windowCalls(scores, rule).entries()) {
    const count = counts[/** @type {WindowPair} */ (windows[index]).contig];
    if (count === undefined || call === 'none') continue;
    count.scored++;
    if (call === 'virus') count.virus++;
  }
  return counts.map(({ scored, virus }) => contigVerdict(scored, virus, rule));
}

/** @param {readonly string[]} before @param {readonly string[]} after @returns {Changes} */
function changes(before, after) {
  const count = (/** @type {string} */ from, /** @type {string} */ to) =>
    before.filter((call, index) => call === from && after[index] === to).length;
  const all = before.filter((call, index) => call !== after[index]).length;
  const [toVirus, toOther] = [count('other', 'virus'), count('virus', 'other')];
  return { toVirus, toOther, otherwise: all - toVirus - toOther };
}
