import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture, repositoryRoot } from '../repository.js';
import { tableRows } from '../table-rows.js';

/** The code blocks of README.md in one language. */
function blocks(language: string): string[] {
  const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!);
}

describe('the documentation', () => {
  let folder: string;

  /** A folder in which the commands of README.md find what they name; small checkpoints stand in for the published. */
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-readme-'));
    const standIns: [name: string, target: string][] = [
      ['bin', join(repositoryRoot, 'bin')],
      ['examples', join(repositoryRoot, 'examples')],
      ['contigs.fa', join(repositoryRoot, 'examples', 'contigs.fa')],
      ['esm2_t36_3B_UR50D.pt', fixture('golden', 'esm2', 'esm2_t3_tiny.pt')],
      ['DNABERT-S', fixture('golden', 'dnabert')],
      ['500_model.pth', fixture('golden', 'classifier.pth')],
      ['300_model.pth', fixture('golden', 'classifier_legacy.pth')],
      [join('node_modules', 'virnucpro'), repositoryRoot],
    ];
    mkdirSync(join(folder, 'node_modules'));
    for (const [name, target] of standIns) symlinkSync(target, join(folder, name));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function run(command: string): string {
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', command], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, VIRNUCPRO_MODELS: join(folder, 'models') },
    });
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`);
    return stdout;
  }

  // `npm run …` sets the checkout up, which is what happened before this test could run.
  const commands = blocks('sh')
    .flatMap((block) => block.trim().split('\n'))
    .filter((line) => !line.startsWith('npm '));

  it('of README.md has commands to run', () => assert.ok(commands.length >= 8, commands.join('\n')));

  for (const command of commands) {
    it(`of README.md works as printed: ${command}`, () => {
      run(command);
    });
  }

  it('of README.md shows the table of the demo', () => {
    const [table] = blocks('text');
    assert.ok(table);
    const printed = table.trimEnd().split('\n').slice(1);
    const rows = tableRows(join(folder, 'first-results', 'contigs.tsv'));
    assert.equal(printed.length, rows.length, table);
    rows.forEach((row, at) => {
      const { contig, length, verdict, windows_scored: scored, windows_virus: virus, mean_virus_score: mean } = row;
      const [name, bases, word, windows, score, remark = ''] = printed[at]!.split(/ {2,}/);
      assert.deepEqual(
        [name, bases!.replace(',', ''), word, windows, remark],
        [contig, length, verdict, `${virus} of ${scored}`, row['reason']],
      );
      // Processors that compute in BF16 differ from others in the third digit.
      if (mean === '') assert.equal(score, '-');
      else assert.ok(Math.abs(Number(score) - Number(mean)) < 0.02, `${score} for ${contig}, ${mean}`);
    });
  });

  it('of README.md shows a program that works as printed', () => {
    const [program] = blocks('js');
    assert.ok(program);
    writeFileSync(join(folder, 'program.mjs'), program);
    const verdicts = run('node program.mjs').trim().split('\n');
    assert.equal(verdicts.length, 10);
    assert.match(verdicts[0]!, /^dna_phage (virus|other) 0\.\d+$/);
    assert.ok(existsSync(join(folder, 'results', 'run.json')));
  });

  it('is what the code says', () => {
    const { status, stdout } = spawnSync(process.execPath, [join('scripts', 'docs.mjs'), '--check'], {
      cwd: repositoryRoot,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  });
});
