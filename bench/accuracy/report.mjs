// @ts-check
import { markdownList, markdownTable } from '../write-results.mjs';
import { MIN_AGREEMENT } from './labels.mjs';

/** @typedef {import('./embeddings.mjs').EmbeddingErrors} EmbeddingErrors */
/** @typedef {import('./labels.mjs').Labels} Labels */
/** @typedef {{ date: string, machine: Record<string, string>, seed: number, embeddings: EmbeddingErrors[], labels: Labels[] }} Report */

/** @param {Report} report @returns {string[]} the requirements that are not met */
export function faultsOf({ embeddings, labels }) {
  const larger = embeddings
    .filter(({ noLarger }) => !noLarger)
    .map(({ size, kind, fasta }) => `${size}, ${kind}, ${fasta}: BF16's error is larger than PyTorch's`);
  const disagreeing = labels.flatMap(({ kind, agreements }) =>
    agreements
      .filter(({ precision, agreeing }) => precision === 'bf16' && !(agreeing >= MIN_AGREEMENT))
      .map(
        ({ agreeing }) =>
          `${kind}: labels of ${percent(agreeing)} of the windows agree, less than ${percent(MIN_AGREEMENT)}`,
      ),
  );
  return [...larger, ...disagreeing];
}

/** @param {Report} report */
export function markdownOf(report) {
  const { date, machine, seed, embeddings, labels } = report;
  const faults = faultsOf(report);
  return [
    `# Lower precisions against FP32, ${date}`,
    markdownList(machine),
    faults.length > 0 ? faults.map((fault) => `- not met: ${fault}`).join('\n') : 'All limits are met.',
    ...(embeddings.length > 0 ? ['## Mean embeddings', embeddingsIntroduction, embeddingTable(embeddings)] : []),
    ...(labels.length > 0 ? ['## Labels', labelsIntroduction(seed)] : []),
    ...labels.map(labelSection),
    '',
  ].join('\n\n');
}

const embeddingsIntroduction =
  "The L2 norm of the difference to the same program's mean embedding in FP32, over the norm of that; in the rows of " +
  "FP32, to the other program's FP32. Median and largest over the sequences. The weights are random: `plain` as " +
  '`virnucpro models random` makes them, `rough` with sharper attention, larger layers, and norms and biases that vary.';

/** @param {EmbeddingErrors[]} embeddings */
function embeddingTable(embeddings) {
  const rows = embeddings.flatMap(({ size, kind, fasta, errors }) =>
    errors.map(({ program, precision, sequences, median, largest }) => [
      ...[size, kind, `${sequences} of ${fasta}`, program, precision.toUpperCase()],
      ...[median.toExponential(2), largest.toExponential(2)],
    ]),
  );
  return markdownTable(['model', 'weights', 'sequences', 'program', 'precision', 'median', 'largest'], rows);
}

/** @param {number} seed */
function labelsIntroduction(seed) {
  return (
    '`virnucpro predict` over random windows of 500 bases without a stop codon in one frame, records of 20 windows with ' +
    `codons in proportions of their own, seed ${seed}. A label agrees when the window is called virus in both precisions ` +
    'or in neither. Near: an FP32 score within 0.01 of the threshold, 0.5.'
  );
}

/** @param {Labels} labels */
function labelSection({ esm, dna, kind, windows, virus, near, histogram, agreements }) {
  const titles = ['precision', 'labels that agree', 'of those not near', 'median score difference', 'largest'];
  const rows = agreements.map(({ precision, agreeing, agreeingAway, medianDifference, largestDifference }) => [
    ...[precision.toUpperCase(), percent(agreeing), percent(agreeingAway)],
    ...[medianDifference.toExponential(1), largestDifference.toExponential(1)],
  ]);
  const tenths = histogram.map(
    (_, bin) => `${(bin / histogram.length).toFixed(1)} to ${((bin + 1) / histogram.length).toFixed(1)}`,
  );
  return [
    `${esm} and ${dna}, ${kind}: ${windows} windows, ${virus} of them virus in FP32, ${near} near the threshold.`,
    markdownTable(titles, rows),
    'Windows by their FP32 score:',
    markdownTable(tenths, [histogram]),
  ].join('\n\n');
}

/** @param {number} fraction */
function percent(fraction) {
  return `${(100 * fraction).toFixed(2)} %`;
}
