// @ts-check
/**
 * `npm run demo [-- FASTA ...]`: predicts contigs with the small shipped model and shows the verdicts. Without a file
 * it predicts the example contigs. Relative paths start from the folder that npm was started in.
 */
import '../bin/refuse-old-node.js';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { firstRows, verdictTable } from './demo/verdicts.mjs';
import { inRepository, repositoryRoot } from './setup/repository.mjs';

const MODEL = 'virnucpro-mini';
const MAX_ROWS = 30;
const output = inRepository('build', 'demo');

/** The path as one would type it in the repository's folder. @param {string} path */
function shown(path) {
  const short = relative(repositoryRoot, path);
  return short.startsWith('..') ? path : short;
}

/** The files given, else the examples. */
function readInputs() {
  const words = process.argv.slice(2);
  if (words.some((word) => word.startsWith('-'))) {
    console.error('Expected FASTA or FASTQ files, e.g. `npm run demo -- contigs.fa`; it has no options of its own.');
    console.error('For all options see `node bin/virnucpro.js predict --help`.');
    process.exit(1);
  }
  // npm changes to the folder of package.json before it starts a script.
  const folder = process.env['npm_lifecycle_event'] === 'demo' ? process.env['INIT_CWD'] : undefined;
  return words.length > 0
    ? words.map((word) => resolve(folder ?? process.cwd(), word))
    : [inRepository('examples', 'contigs.fa')];
}

/** @param {readonly string[]} inputs @returns {number} the exit code: 0, or 2 if part of the input was malformed */
function predict(inputs) {
  const words = ['predict', ...inputs.map(shown), '--output', shown(output), '--force', '--model', MODEL];
  console.log(`\n$ node bin/virnucpro.js ${words.join(' ')}`);
  const { status } = spawnSync(process.execPath, ['bin/virnucpro.js', ...words], {
    cwd: repositoryRoot,
    stdio: 'inherit',
  });
  if (status !== 0 && status !== 2) process.exit(status ?? 1);
  return status;
}

process.exitCode = predict(readInputs());
const rows = await firstRows(join(output, 'contigs.tsv'), MAX_ROWS);
const { model, counts } = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8'));
console.log(`\n${verdictTable(rows)}`);
if (counts.records > rows.length) console.log(`… and ${counts.records - rows.length} more`);

const asGiven = process.argv.length > 2;
console.log(`\nAll results are in ${shown(output)}: contigs.tsv has this table, virus.fna the sequences called virus.`);
if (!asGiven) console.log('The contigs are artificial. For your own: npm run demo -- contigs.fa');
const origin = model.shipped ? ' and came with this program' : '';
console.log(`\n${model.name} is small${origin}: for trying out and for triage, not a replacement for the`);
console.log('published weights. docs/models.md says where to get those.');
if (model.card !== null) console.log(`Its card says what it can do and where it errs: ${shown(model.card)}`);
