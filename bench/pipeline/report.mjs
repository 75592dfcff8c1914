// @ts-check
import { median } from '../compare/report.mjs';
import { markdownList, markdownTable } from '../write-results.mjs';

/** @typedef {import('./programs.mjs').Round} Round */
/** @typedef {{ name: string, precision: string, rounds: (Round & { othersCores: number })[], agreement?: import('./agreement.mjs').Agreement }} Entry */
/** @typedef {{ date: string, subject: string, input: string, machine: Record<string, string>, rows: ReturnType<typeof rowsOf> }} Report */

/** @param {Entry[]} entries the classic way first */
export function rowsOf(entries) {
  return entries.map(({ name, precision, rounds, agreement }) => ({
    ...{ name, precision, rounds, agreement: agreement ?? null },
    wall: median(rounds.map(({ wall }) => wall)) ?? NaN,
    work: median(rounds.map(({ work }) => work)) ?? NaN,
    // Ratios within a round, so that other load on the machine affects both sides.
    wallRatio: median(rounds.map(({ wall }, round) => (entries[0]?.rounds[round]?.wall ?? NaN) / wall)) ?? NaN,
    workRatio: median(rounds.map(({ work }, round) => (entries[0]?.rounds[round]?.work ?? NaN) / work)) ?? NaN,
  }));
}

/** @param {Report} report */
export function markdownOf({ date, subject, input, machine, rows }) {
  const titles = ['', 'precision', 'seconds', 'lowest to highest', '× classic', 'without start-up', '× classic'];
  titles.push('DNA model', 'protein model', 'score difference', 'labels that differ', 'other load');
  return [
    `# Predict beside the classic way, ${date}`,
    `${subject}; ${input}. Medians of ${rows[0]?.rounds.length} process${rows[0]?.rounds.length === 1 ? '' : 'es'} each, in turn; ratios are those of one round. ` +
      'Start-up is the interpreter, the libraries and loading the models; `predict` measures the limit of the matrix ' +
      'products at its end, which is counted. Compared with the classic way in FP32: the largest difference of a virus score, and ' +
      'the windows whose label differs. Other load: the largest number of cores that other processes used in a round, on average.',
    markdownList(machine),
    markdownTable(titles, rows.map(cells)),
    '',
  ].join('\n\n');
}

/** @param {Report['rows'][number]} row */
function cells({ name, precision, rounds, wall, work, wallRatio, workRatio, agreement }) {
  const walls = rounds.map((round) => round.wall);
  const stage = (/** @type {string} */ part) => median(rounds.map(({ stages }) => stages[part] ?? NaN)) ?? NaN;
  return [
    ...[name, precision, wall.toFixed(1), `${Math.min(...walls).toFixed(1)} to ${Math.max(...walls).toFixed(1)}`],
    ...[
      wallRatio.toFixed(2),
      work.toFixed(1),
      workRatio.toFixed(2),
      stage('dna').toFixed(1),
      stage('protein').toFixed(1),
    ],
    ...(agreement ? [agreement.scoreDifference.toExponential(1), agreement.differingLabels] : ['', '']),
    Math.max(...rounds.map(({ othersCores }) => othersCores)).toFixed(2),
  ];
}
