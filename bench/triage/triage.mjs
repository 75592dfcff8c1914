// @ts-check
import { readOptions, usage } from './options.mjs';
import { markdownOf } from './report.mjs';
import { readScores, readTruth } from './score-table.mjs';
import { pairsOf, simulate, wrongOf } from './simulation.mjs';
import { today, writeResults } from '../write-results.mjs';

const options = readOptions(process.argv.slice(2));
if (options.help || options.small === undefined || options.large === undefined) {
  console.error(usage);
  process.exitCode = options.help ? 0 : 1;
} else {
  await run(options.small, options.large);
}

/** @param {string} smallPath @param {string} largePath */
async function run(smallPath, largePath) {
  const { rule, othersBelow, virusAtLeast } = options;
  const small = await readScores(smallPath);
  const large = await readScores(largePath);
  const truth = options.truth === undefined ? undefined : await readTruth(options.truth);
  const pairs = pairsOf(small.windows, large.windows);
  const rules = othersBelow.flatMap((below) =>
    virusAtLeast.map((from) => ({ othersBelow: below, virusAtLeast: from })),
  );
  const scored = pairs.windows.filter(({ large: score }) => score !== undefined);
  /** @param {'small' | 'large'} model */
  const alone = (model) => pairs.windows.map((window) => window[model]);
  const date = today();
  const report = {
    date,
    runs: {
      triage: named(small),
      'the rest': named(large),
      calls: `windows at ${rule.threshold} or above, contigs at a fraction of ${rule.minFraction} or above`,
    },
    counts: {
      contigs: pairs.contigs.length,
      windows: pairs.windows.length,
      scored: scored.length,
      frames: scored.reduce((sum, { frames }) => sum + frames, 0),
    },
    simulated: rules
      .filter((one) => one.othersBelow <= one.virusAtLeast)
      .map((one) => simulate(pairs, one, rule, truth)),
    ...(truth && {
      wrong: {
        small: wrongOf(pairs, alone('small'), rule, truth),
        large: wrongOf(pairs, alone('large'), rule, truth),
      },
    }),
  };
  const name = options.name ?? `triage-${small.model}-${large.model}`;
  await writeResults(options.out, `${date}-${name}`, report, markdownOf(report));
}

/** @param {{ model: string, note: string | undefined }} table */
function named({ model, note }) {
  return note === undefined ? model : `${model} (${note})`;
}
