// @ts-check
/** Compares virnucpro's engine with other software: `node bench/compare/compare.mjs --help`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { pythonEnvironment } from '../python/environment.mjs';
import { jsonOf } from './child-process.mjs';
import { competitors, pinned } from './competitors.mjs';
import { describeMachine } from './machine.mjs';
import { readOptions, usage } from './options.mjs';
import { MODEL } from '../random-model.mjs';
import { prepareModel } from './prepare.mjs';
import { markdownOf, rowsOf, writeReport } from './report.mjs';
import { Comparison, judge } from './rounds.mjs';
import { today } from '../write-results.mjs';

/** @typedef {import('./options.mjs').Options} Options */

/** @param {string} text */
function say(text) {
  console.error(text);
}

/** @param {Options} options @param {string} folder for the tokens */
async function compare(options, folder) {
  const { part, fasta = '', limit, window, rounds, threads } = options;
  const participants = competitors(options);
  const python = await pythonEnvironment(say);
  const { models, weights } = await prepareModel(options);
  const input = join(folder, 'tokens.json');
  const runner = inRepository('bench', 'compare', 'run-ours.mjs');
  const words = ['tokens', part, fasta, String(limit), String(window), join(models, MODEL), input];
  const counts = await jsonOf(process.execPath, [runner, ...words]);

  const comparison = new Comparison(options, { python, models, weights, input });
  const entries = [];
  for (const competitor of participants) {
    say(`checking ${competitor.name}`);
    entries.push(await comparison.check(competitor));
  }
  judge(entries);
  for (const { competitor, agreement, failure } of entries) {
    const { cosine, relativeError } = agreement ?? { cosine: NaN, relativeError: NaN };
    const verdict = failure ? `not run: ${failure}` : 'agrees';
    say(`${competitor.name}: cosine ${cosine.toFixed(6)}, error ${relativeError.toExponential(1)}, ${verdict}`);
  }

  const running = entries.filter(({ failure }) => failure === undefined);
  for (let round = 0; round < rounds; round++) {
    // Back and forth, so that a machine that becomes slower or faster does so for all.
    for (const entry of round % 2 === 0 ? running : [...running].reverse()) {
      if (entry.failure !== undefined) continue;
      await comparison.measure(entry);
      const speed = entry.rounds.at(-1)?.tokens_per_second.toFixed(0);
      say(`round ${round + 1} of ${rounds}, ${entry.competitor.name}: ${entry.failure ?? `${speed} tokens/s`}`);
    }
  }

  const what = part === 'dna' ? `windows of ${window} bases` : 'proteins';
  const report = {
    date: today(),
    subject: part === 'dna' ? 'DNABERT-S size' : options.esm,
    input: `${counts.sequences} ${what} of ${basename(fasta)}, ${counts.tokens} tokens, ${threads} threads, random weights`,
    machine: { ...describeMachine(), PyTorch: pinned('torch') },
    rows: rowsOf(entries),
  };
  console.log(markdownOf(report));
  if (options.out !== undefined) {
    const name = `${report.date}-compare-${part === 'dna' ? 'dnabert_s' : options.esm}`;
    await writeReport(report, options.out, name, python);
  }
  if (entries.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

const options = readOptions(process.argv.slice(2));
if (options.help) {
  console.log(usage);
} else if (options.list) {
  console.log(
    competitors(options)
      .map(({ name }) => name)
      .join('\n'),
  );
} else if (options.fasta === undefined) {
  console.error(usage);
  process.exitCode = 1;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-compare-'));
  try {
    await compare(options, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
