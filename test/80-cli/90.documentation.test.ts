import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fixture, repositoryRoot } from '../repository.js';
import { tableRows } from '../table-rows.js';

/**
 * Pages whose `sh` blocks a reader can type as they stand; those in other pages, and blocks marked `bash`, have
 * placeholders. The order matters: later pages use what earlier ones make.
 */
const PAGES = [
  'README.md',
  ...['installing', 'models', 'predicting', 'resuming', 'devices'].map((name) => `docs/${name}.md`),
];

/** The code blocks of a page in one language. */
function blocks(page: string, language: string): string[] {
  const text = readFileSync(join(repositoryRoot, page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!);
}

function markdownBelow(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.startsWith('results'))
      .map((name) => join(folder, name)),
  );
}

/** The anchors that GitHub makes of headings, and those that a page sets itself. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(join(repositoryRoot, page), 'utf8');
  const ofHeadings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '')
      .replaceAll(' ', '-'),
  );
  return [...ofHeadings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!)];
}

describe('the documentation', () => {
  let folder: string;

  /** A folder with the files that documented commands name; small checkpoints stand in for the published ones. */
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-documentation-'));
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

  /** Without `npm run …`, which sets up the checkout: that happened before this test could run. */
  function commandsOf(page: string): string[] {
    return blocks(page, 'sh')
      .flatMap((block) => block.trim().split('\n'))
      .filter((line) => !line.startsWith('npm '));
  }

  it('has commands to run', () => {
    assert.ok(commandsOf('README.md').length >= 7, commandsOf('README.md').join('\n'));
    for (const page of PAGES) assert.ok(commandsOf(page).length > 0, page);
  });

  // A command on several pages runs once.
  const seen = new Set<string>();
  for (const page of PAGES) {
    for (const command of commandsOf(page).filter((line) => !seen.has(line))) {
      seen.add(command);
      it(`of ${page} works as printed: ${command}`, () => {
        run(command);
      });
    }
  }

  it('of README.md shows the table of the demo', () => {
    const [table] = blocks('README.md', 'text');
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

  it('of the library shows programs that work as printed', () => {
    const outputs = blocks('docs/library.md', 'js').map((program) => {
      writeFileSync(join(folder, 'program.mjs'), program);
      return run('node program.mjs').trim();
    });
    const [ofFile, ofRecords] = outputs.map((output) => output.split('\n'));
    assert.equal(ofFile!.length, 10);
    assert.match(ofFile![0]!, /^dna_phage (virus|other) 0\.\d+$/);
    assert.match(ofRecords!.join(), /^soil a (virus|other),soil b (virus|other),(virus|other)$/);
    assert.ok(existsSync(join(folder, 'results', 'run.json')));
  });

  it('has a README that is short, and names every page', () => {
    const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
    assert.ok(Buffer.byteLength(readme) <= 6000, `${Buffer.byteLength(readme)} bytes`);
    for (const name of readdirSync(join(repositoryRoot, 'docs')).filter((name) => name.endsWith('.md')))
      assert.ok(readme.includes(`(docs/${name})`), name);
  });

  const linking = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...markdownBelow('docs'),
    ...markdownBelow('bench', 'training'),
  ];

  for (const page of linking) {
    it(`has links that lead somewhere: ${page}`, () => {
      const text = readFileSync(join(repositoryRoot, page), 'utf8');
      for (const [, target, anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
        const path = target === '' ? page : join(dirname(page), target!);
        assert.ok(existsSync(join(repositoryRoot, path)), `${page} links ${target}`);
        if (anchor !== undefined) assert.ok(anchorsOf(path).includes(anchor), `${page} links ${path}#${anchor}`);
      }
    });
  }

  it('of the architecture names paths that exist', () => {
    const text = readFileSync(join(repositoryRoot, 'docs', 'architecture.md'), 'utf8');
    const paths = [
      ...text.matchAll(/`((?:bin|lib|csrc|test|scripts|bench|training|models|examples|docs)\/[^`\s*]*)`/g),
    ];
    assert.ok(paths.length >= 60, String(paths.length));
    for (const [, path] of paths) assert.ok(existsSync(join(repositoryRoot, path!)), path);
  });

  it('of the architecture describes every folder of the code', () => {
    const text = readFileSync(join(repositoryRoot, 'docs', 'architecture.md'), 'utf8');
    for (const parent of ['lib', 'csrc', 'test', 'scripts', 'bench', 'training']) {
      const entries = readdirSync(join(repositoryRoot, parent), { withFileTypes: true });
      for (const entry of entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('__')))
        assert.ok(text.includes(`\`${parent}/${entry.name}\``), `${parent}/${entry.name}`);
    }
  });

  it('is what the code says', () => {
    const { status, stdout } = spawnSync(process.execPath, [join('scripts', 'docs.mjs'), '--check'], {
      cwd: repositoryRoot,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  });
});
