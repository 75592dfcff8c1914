import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyProgram, shipGoldenModel } from '../80-cli/program-copy.js';
import { repositoryRoot } from '../repository.js';
import { tableRows } from '../table-rows.js';

const CODON = 'GCT';

describe('the demo', () => {
  let folder: string;
  let program: string;

  before(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'virnucpro-demo-')));
    program = join(folder, 'program');
    const command = copyProgram(program);
    // A demo writes its results there: it must not be the repository's own.
    rmSync(join(program, 'build'));
    if (existsSync(join(repositoryRoot, 'build', 'Release')))
      cpSync(join(repositoryRoot, 'build', 'Release'), join(program, 'build', 'Release'), { recursive: true });
    for (const name of ['scripts', 'examples'])
      cpSync(join(repositoryRoot, name), join(program, name), { recursive: true });
    const card = join(folder, 'about.md');
    writeFileSync(card, '# A model for tests\n');
    await shipGoldenModel(command, 'virnucpro-mini', { card });
    mkdirSync(join(folder, 'mine'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Starts it like `npm run demo -- …` in the folder `mine`. */
  function demo(...words: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join('scripts', 'demo.mjs'), ...words], {
      cwd: program,
      encoding: 'utf8',
      env: {
        ...process.env,
        VIRNUCPRO_MODELS: join(folder, 'none'),
        npm_lifecycle_event: 'demo',
        INIT_CWD: join(folder, 'mine'),
      },
    });
    return { status, output: stdout, errors: stderr, lines: stdout.split('\n') };
  }

  it('shows a verdict for every example contig, the model and its card', () => {
    const { status, output, errors, lines } = demo();
    assert.equal(status, 0, errors);
    const first = lines.findIndex((line) => /^contig +length +verdict +virus windows +mean score +remark$/.test(line));
    assert.ok(first > 0, output);
    const rows = tableRows(join(program, 'build', 'demo', 'contigs.tsv'));
    assert.equal(rows.length, 10);
    rows.forEach((row, at) => {
      const { contig, verdict, windows_scored: scored, windows_virus: virus, mean_virus_score: mean, reason } = row;
      const line = lines[first + 1 + at]!;
      assert.ok(line.startsWith(`${contig} `), line);
      assert.match(line, new RegExp(` ${verdict} +${virus} of ${scored} `));
      assert.ok(mean === '' ? line.endsWith(`-  ${reason}`) : line.endsWith(` ${Number(mean).toFixed(3)}`), line);
    });
    assert.equal(lines[first + 11], '');
    assert.match(output, /virnucpro-mini is small[^]*not a replacement for the\npublished weights/);
    assert.match(output, /^Its card says what it can do and where it errs: models\/virnucpro-mini\/card\.md$/m);
    assert.match(output, /npm run demo -- contigs\.fa/);
  });

  it('predicts files of the user in their place, found where npm was started', () => {
    writeFileSync(join(folder, 'mine', 'one.fa'), `>first\n${CODON.repeat(60)}\n`);
    writeFileSync(join(folder, 'mine', 'two.fa'), `>${'x'.repeat(60)}\n${CODON.repeat(60)}\n`);
    const one = demo('one.fa');
    assert.equal(one.status, 0, one.errors);
    assert.match(one.output, /^contig .*\nfirst +180 +(virus|other) +[01] of 1 +[01]\.\d{3}\n\n/m);
    assert.doesNotMatch(one.output, /dna_phage|artificial/);
    const both = demo('one.fa', join(folder, 'mine', 'two.fa'));
    assert.match(both.output, /^file +contig .*\none\.fa +first .*\ntwo\.fa +x{39}… +180 /m);
  });

  it('shows the first thirty of many, and says how many more there are', () => {
    const records = Array.from({ length: 42 }, (_, at) => `>contig_${at + 1}\n${CODON.repeat(60)}\n`);
    writeFileSync(join(folder, 'mine', 'many.fa'), records.join(''));
    const { output } = demo('many.fa');
    assert.match(output, /\ncontig_30 .*\n… and 12 more\n/);
  });

  it('ends as predict does where input is wrong', () => {
    writeFileSync(join(folder, 'mine', 'wrong.fa'), `>good\n${CODON.repeat(60)}\n>wrong\nMKLLPEEQFFLLIPEEQ\n`);
    const wrong = demo('wrong.fa');
    assert.equal(wrong.status, 2);
    assert.match(wrong.output, /\nwrong +17 +none +0 of 0 +- +protein where DNA was expected/);
    const none = demo('none.fa');
    assert.equal(none.status, 1);
    assert.match(none.errors, /mine\/none\.fa cannot be read: nothing exists at that path/);
    assert.doesNotMatch(none.output, /All results/);
  });

  it('has no options', () => {
    const { status, output, errors } = demo('--threshold', '0.9');
    assert.deepEqual([status, output], [1, '']);
    assert.match(errors, /^Expected FASTA or FASTQ files.*\n.*predict --help/);
  });
});
