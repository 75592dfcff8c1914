// @ts-check
/** `npm run demo`: predicts the example contigs with a small model of random weights, and shows what came out. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { demoModelName, demoModels } from './setup/demo-model.mjs';
import { repositoryRoot } from './setup/repository.mjs';

const output = join(repositoryRoot, 'build', 'demo');
const words = ['predict', 'examples/contigs.fa', '--output', relative(repositoryRoot, output), '--force'];
const command = [...words, '--model', demoModelName, '--models', relative(repositoryRoot, demoModels)];

console.log(`\n$ node bin/virnucpro.js ${command.join(' ')}`);
const { status } = spawnSync(process.execPath, ['bin/virnucpro.js', ...command], {
  cwd: repositoryRoot,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

const table = readFileSync(join(output, 'contigs.tsv'), 'utf8').split('\n').slice(0, 6);
console.log(`\nThe results are in ${output}`);
console.log('The first lines of contigs.tsv, one row a record:\n');
console.log(table.join('\n'));
console.log('\nThe weights of this model are random: it shows how the program works, not which contigs are viral.');
console.log('README.md says how to get the published weights.');
