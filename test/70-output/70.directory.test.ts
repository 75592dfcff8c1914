import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { finishInterrupted } from '../../lib/output/output-directory.js';
import { openResultDirectory, type ResultDirectoryOptions } from '../../lib/output/result-directory.js';
import { realSystem } from '../../lib/output/system.js';
import type { PredictionResult } from '../../lib/scoring/results.js';
import { skip } from '../skipped.js';
import { contigResult, optionsIn, temporaryFolder, windowResult, writeAll, writeRun } from './results.js';

const RESULTS = [windowResult('a', 1), contigResult('a', 'ACGT', { windows: 1, verdict: 'virus' })];
/** The same, with what the optional files need. */
const WITH_ALL = [windowResult('a', 1, { sequences: { letters: Buffer.from('ACGT'), orfs: [] } }), RESULTS[1]!];
const RESULT_FILES = [
  'contigs.tsv',
  'prediction_results.txt',
  'prediction_results_highestscore.csv',
  'run.json',
  'virus.fna',
  'windows.tsv',
];

/** The number of a process that has ended. */
function deadProcess(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

const CRASHING_RUN = `
  const { openResultDirectory } = await import(process.argv[1]);
  const directory = await openResultDirectory(JSON.parse(process.argv[2]));
  await directory.write(JSON.parse(process.argv[3]));
  process.kill(process.pid, 'SIGKILL');
`;

/** Runs until after its first result, then dies without any chance to clean up. */
function crash(options: ResultDirectoryOptions, result: PredictionResult): void {
  const module = new URL('../../lib/output/result-directory.js', import.meta.url).href;
  const words = [module, JSON.stringify(options), JSON.stringify(result)];
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', CRASHING_RUN, ...words]);
  assert.equal(signal, 'SIGKILL', stderr.toString());
}

describe('The result directory', () => {
  const folder = temporaryFolder();
  const out = (...names: string[]): string => join(folder.path, 'out', ...names);
  const refuses = async (pattern: RegExp, changes = {}): Promise<void> => {
    await assert.rejects(openResultDirectory(optionsIn(folder.path, changes)), {
      code: 'VNP_OUTPUT',
      message: pattern,
    });
  };

  it('holds the result files after finish, and nothing else', async () => {
    await writeRun(optionsIn(folder.path), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
  });

  it('is made with the directories above it, and is empty but for the unfinished folder before finish', async () => {
    const directory = await openResultDirectory(optionsIn(folder.path, { directory: out('deep', 'er') }));
    await writeAll(directory, RESULTS);
    assert.match(readdirSync(out('deep', 'er')).join(), /^\.unfinished-[0-9a-f]{16}$/);
    await directory.abort();
  });

  it('is gone after abort with the directories that were made for it, and only those', async () => {
    mkdirSync(out());
    const directory = await openResultDirectory(optionsIn(folder.path, { directory: out('deep', 'er') }));
    await writeAll(directory, RESULTS);
    await directory.abort();
    await directory.abort();
    assert.deepEqual(readdirSync(out()), []);
  });

  it('stays after abort when it was there before, with what was in it', async () => {
    mkdirSync(out());
    writeFileSync(out('notes.txt'), 'mine');
    const directory = await openResultDirectory(optionsIn(folder.path, { force: true }));
    await directory.abort();
    assert.deepEqual(readdirSync(out()), ['notes.txt']);
  });

  it('is closed after finish and after abort', async () => {
    const directory = await openResultDirectory(optionsIn(folder.path));
    await directory.abort();
    assert.throws(() => directory.write(RESULTS[0] as (typeof RESULTS)[0]), { code: 'VNP_CLOSED' });
  });

  it('is refused when something is in it, with names and the way out', async () => {
    mkdirSync(out());
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) writeFileSync(out(name), '');
    await refuses(/is not empty: it holds a, b, c, d, e and 2 more\. .*`force: true`/);
    assert.equal(readdirSync(out()).length, 7);
  });

  it('takes an empty directory that is there', async () => {
    mkdirSync(out());
    await writeRun(optionsIn(folder.path), RESULTS);
    assert.ok(existsSync(out('run.json')));
  });

  it('replaces with force the files of an earlier run, and keeps others', async () => {
    await writeRun(optionsIn(folder.path), RESULTS);
    writeFileSync(out('notes.txt'), 'mine');
    writeFileSync(out('failed_files.txt'), 'of the earlier run');
    await writeRun(optionsIn(folder.path, { force: true }), [contigResult('new', 'ACGT')]);
    assert.deepEqual(readdirSync(out()).sort(), [...RESULT_FILES, 'notes.txt'].sort());
    assert.match(readFileSync(out('contigs.tsv'), 'utf8'), /^new\t/m);
    assert.equal(readFileSync(out('notes.txt'), 'utf8'), 'mine');
  });

  /** Leaves the results of a run with these options, among files of others. */
  async function writeEarlier(inputName: string): Promise<void> {
    await writeRun(optionsIn(folder.path, { inputName, keepIntermediate: true, saveEmbeddings: true }), WITH_ALL);
    writeFileSync(out('notes.txt'), 'mine');
    writeFileSync(out('other_chunked500.fa'), 'of nobody that run.json speaks of');
  }
  const OTHERS = ['notes.txt', 'other_chunked500.fa'];

  for (const [what, inputName] of [
    ['the same input', 'input'],
    ['another input', 'earlier'],
    ['one whose file names are as long as can be', 'x'.repeat(255 - '_identified_nucleotide.fa'.length)],
  ] as const) {
    it(`keeps no file of an earlier run of ${what} that the new one does not write`, async () => {
      await writeEarlier(inputName);
      assert.equal(readdirSync(out()).length, RESULT_FILES.length + 4 + OTHERS.length);
      await writeRun(optionsIn(folder.path, { force: true }), RESULTS);
      assert.deepEqual(readdirSync(out()).sort(), [...RESULT_FILES, ...OTHERS].sort());
    });
  }

  it('keeps none either that a resumed run replaces', async () => {
    const all = { keepIntermediate: true, saveEmbeddings: true };
    await writeRun(optionsIn(folder.path, all), WITH_ALL, { outcome: 'stopped' });
    await writeRun(optionsIn(folder.path, { resume: true }), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
  });

  it('keeps them as long as no new ones are in place', async () => {
    await writeEarlier('earlier');
    const before = readdirSync(out()).sort();
    await (await openResultDirectory(optionsIn(folder.path, { force: true }))).abort();
    crash(optionsIn(folder.path, { force: true }), RESULTS[0]!);
    assert.deepEqual(
      readdirSync(out())
        .filter((name) => !name.startsWith('.'))
        .sort(),
      before,
    );
  });

  it('loses them though the run is killed while it puts its files in place', async () => {
    await writeEarlier('earlier');
    await writeRun(optionsIn(folder.path, { directory: join(folder.path, 'new') }), RESULTS);
    const replacement = out('.replacement', '0123456789abcdef');
    mkdirSync(out('.replacement'));
    renameSync(join(folder.path, 'new'), replacement);
    const outdated = ['embeddings.f32', 'earlier_chunked500.fa', 'earlier_identified_nucleotide.fa'];
    const placing = { outdated: [...outdated, 'earlier_identified_protein.faa'], isFinal: true };
    writeFileSync(join(replacement, 'placing.json'), JSON.stringify(placing));
    await finishInterrupted(out());
    assert.deepEqual(readdirSync(out()).sort(), [...RESULT_FILES, ...OTHERS].sort());
  });

  it('keeps what is an input of the new run, under whatever name', async () => {
    await writeEarlier('earlier');
    symlinkSync(out('earlier_chunked500.fa'), join(folder.path, 'link.fa'));
    const inputs = [join(folder.path, 'link.fa'), out('..', 'out', 'earlier_identified_nucleotide.fa')];
    await writeRun(optionsIn(folder.path, { force: true, inputs }), RESULTS);
    const kept = ['earlier_chunked500.fa', 'earlier_identified_nucleotide.fa'];
    assert.deepEqual(readdirSync(out()).sort(), [...RESULT_FILES, ...OTHERS, ...kept].sort());
  });

  it('keeps what a run.json speaks of that no run can have written', async () => {
    await writeRun(optionsIn(folder.path), RESULTS);
    writeFileSync(join(folder.path, 'x_chunked500.fa'), 'outside');
    mkdirSync(out('folder_chunked500.fa'));
    const strange = ['notes.txt', 'contigs.fa', 'x_chunked.fa', '_chunked500.fa', 'x_chunked500.fa.gz'];
    for (const name of strange) writeFileSync(out(name), 'mine');
    const paths = ['../x_chunked500.fa', join(folder.path, 'x_chunked500.fa'), 'folder_chunked500.fa', '', '.', '..'];
    const run = JSON.parse(readFileSync(out('run.json'), 'utf8')) as object;
    const files = [...[...strange, ...paths].map((name) => ({ name })), null, 7, { name: 7 }];
    writeFileSync(out('run.json'), JSON.stringify({ ...run, files }));
    await writeRun(optionsIn(folder.path, { force: true }), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), [...RESULT_FILES, ...strange, 'folder_chunked500.fa'].sort());
    assert.ok(existsSync(join(folder.path, 'x_chunked500.fa')));
    for (const text of ['no JSON', '[]', 'null', '{"files":{}}']) {
      writeFileSync(out('run.json'), text);
      await writeRun(optionsIn(folder.path, { force: true }), RESULTS);
    }
  });

  it('keeps the earlier results when a run with force is aborted', async () => {
    await writeRun(optionsIn(folder.path), RESULTS);
    const before = readFileSync(out('contigs.tsv'), 'utf8');
    const directory = await openResultDirectory(optionsIn(folder.path, { force: true }));
    await directory.write(contigResult('new', 'ACGT'));
    await directory.abort();
    assert.equal(readFileSync(out('contigs.tsv'), 'utf8'), before);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
  });

  it('is refused when a file has its name, or that of a directory above it', async () => {
    writeFileSync(out(), '');
    await refuses(/The output .*out is a file, not a directory/);
    await refuses(/out\/deeper/, { directory: out('deeper') });
  });

  it('is refused where the kernel makes no directories', async () => {
    await refuses(/ENOENT/, { directory: '/proc/virnucpro/deeper' });
  });

  it('is refused when a directory has the name of a result file', async () => {
    mkdirSync(out('contigs.tsv'), { recursive: true });
    await refuses(/contigs\.tsv is a directory/, { force: true });
    assert.deepEqual(readdirSync(out()), ['contigs.tsv']);
  });

  it('is refused when it cannot be written to', async function () {
    if (process.getuid?.() === 0) {
      skip(this, 'the superuser may write to any directory');
    }
    mkdirSync(out());
    chmodSync(out(), 0o555);
    await refuses(/Choose a directory that you may write to/);
  });

  it('removes what a run that is no longer there has left', async () => {
    mkdirSync(out(`.unfinished-${deadProcess()}`, 'more'), { recursive: true });
    await writeRun(optionsIn(folder.path, { maxSilence: 100 }), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
  });

  it('shows no result of a run that was killed, and takes the next run without force', async () => {
    crash(optionsIn(folder.path), windowResult('killed', 1));
    const [left = '', ...others] = readdirSync(out());
    assert.match(left, /^\.unfinished-[0-9a-f]{16}$/);
    assert.deepEqual(others, []);
    await writeRun(optionsIn(folder.path), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
  });

  it('removes what an earlier process of the same number has left', async () => {
    mkdirSync(out(`.unfinished-${process.ppid}`), { recursive: true });
    const owner = { ...realSystem.identity(), pid: process.ppid, started: '1' };
    writeFileSync(out(`.unfinished-${process.ppid}`, 'owner.json'), JSON.stringify(owner));
    await writeRun(optionsIn(folder.path), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
  });

  it('is refused while another run writes to it, also with force', async () => {
    const first = await openResultDirectory(optionsIn(folder.path));
    await refuses(new RegExp(`process ${process.pid} on ${hostname()}`));
    await refuses(/Wait for that run/, { force: true });
    await writeAll(first, RESULTS);
    await first.abort();
  });

  /** The folder of a run on another machine. @returns its owner's file, whose time is its sign of life */
  function runElsewhere(): string {
    mkdirSync(out('.unfinished-1'), { recursive: true });
    const owner = out('.unfinished-1', 'owner.json');
    writeFileSync(owner, JSON.stringify({ host: 'another.example', pid: 1, started: '1' }));
    return owner;
  }

  it('is refused while a run of another machine shows that it is alive', async () => {
    const owner = runElsewhere();
    const reasons: string[] = [];
    let time = 1_000_000;
    const beating = setInterval(() => utimesSync(owner, ++time, time), 50);
    try {
      await refuses(/: process 1 on another\.example/, { onWaiting: (reason: string) => reasons.push(reason) });
    } finally {
      clearInterval(beating);
    }
    assert.match(reasons.join(), /checking whether .* on another\.example is still alive/);
  });

  it('is taken over from a run of another machine that is silent, at once when that is forced', async () => {
    runElsewhere();
    await writeRun(optionsIn(folder.path, { maxSilence: 100 }), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
    runElsewhere();
    await writeRun(optionsIn(folder.path, { force: true }), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), RESULT_FILES);
  });

  for (const [what, elsewhere, isCopied] of [
    ['a copy of its own', true, true],
    ['the journal itself', false, false],
  ] as const) {
    it(`goes on from ${what} where the earlier run ${elsewhere ? 'may wake' : 'is certainly dead'}`, async () => {
      if (elsewhere) runElsewhere();
      else crash(optionsIn(folder.path), windowResult('killed', 1));
      writeFileSync(out('.journal'), 'scores');
      const before = statSync(out('.journal')).ino;
      // Kept open, so that its inode number is not reused for the copy.
      const handle = openSync(out('.journal'), 'a');
      const directory = await openResultDirectory(optionsIn(folder.path, { resume: true, maxSilence: 100 }));
      writeSync(handle, ' of a run that woke');
      closeSync(handle);
      assert.equal(statSync(out('.journal')).ino !== before, isCopied);
      assert.equal(readFileSync(out('.journal'), 'utf8'), `scores${isCopied ? '' : ' of a run that woke'}`);
      await directory.abort();
    });
  }

  it('ends what an earlier version was killed while putting in place', async () => {
    await writeRun(optionsIn(folder.path), RESULTS);
    const names = readdirSync(out());
    mkdirSync(out('.replacement'));
    for (const name of names.slice(2)) renameSync(out(name), out('.replacement', name));
    await finishInterrupted(out());
    assert.deepEqual(readdirSync(out()), names);
  });

  it('is refused with an offer where a run is not finished', async () => {
    mkdirSync(out());
    writeFileSync(out('.journal'), 'scores');
    await refuses(/a run that is not finished\. Resume it with `resume: true`/);
    assert.equal(readFileSync(out('.journal'), 'utf8'), 'scores');
  });

  it('begins a new one where there is nothing to resume, but not among files of strangers', async () => {
    await writeRun(optionsIn(folder.path, { resume: true }), RESULTS);
    await refuses(/holds the results of other inputs, another model or other options/, { resume: true });
  });

  it('takes with resume what others have put there, such as a log, but no file of a run', async () => {
    mkdirSync(out());
    writeFileSync(out('log.txt'), 'a log');
    mkdirSync(out('folder'));
    await refuses(/is not empty: it holds folder, log\.txt/);
    for (const name of ['contigs.tsv', 'embeddings.f32', 'x_chunked500.fa', 'run.log']) {
      writeFileSync(out(name), 'of a run');
      await refuses(new RegExp(`is not empty: it holds .*${name}`), { resume: true });
      rmSync(out(name));
    }
    await writeRun(optionsIn(folder.path, { resume: true }), RESULTS);
    assert.deepEqual(readdirSync(out()).sort(), [...RESULT_FILES, 'folder', 'log.txt'].sort());
    assert.equal(readFileSync(out('log.txt'), 'utf8'), 'a log');
  });

  it('takes a run that was stopped before it had computed anything', async () => {
    await writeRun(optionsIn(folder.path), RESULTS, { outcome: 'stopped' });
    await refuses(/is not empty: it holds contigs\.tsv/);
    await writeRun(optionsIn(folder.path, { resume: true }), RESULTS);
    await refuses(/holds the results of other inputs, another model or other options/, { resume: true });
  });

  it('loses its journal to a forced run', async () => {
    mkdirSync(out());
    writeFileSync(out('.journal'), 'scores');
    const directory = await openResultDirectory(optionsIn(folder.path, { force: true }));
    assert.equal(existsSync(out('.journal')), false);
    await directory.abort();
  });

  const FAILED = [windowResult('a', 1, { status: 'failed', reason: 'x' }), ...RESULTS.slice(1)];
  for (const [what, outcome, results, keeps] of [
    ['complete', 'complete', RESULTS, false],
    ['partial because of invalid records alone', 'partial', RESULTS, false],
    ['partial because of failures', 'partial', FAILED, true],
    ['stopped', 'stopped', RESULTS, true],
  ] as const) {
    it(`${keeps ? 'keeps' : 'loses'} its journal when the run is ${what}`, async () => {
      mkdirSync(out());
      writeFileSync(out('.journal'), 'scores');
      await writeRun(optionsIn(folder.path, { resume: true }), results, { outcome });
      assert.equal(existsSync(out('.journal')), keeps);
      assert.ok(existsSync(out('run.json')));
    });
  }

  it('is kept for its journal when the run is given up', async () => {
    const directory = await openResultDirectory(optionsIn(folder.path));
    await writeAll(directory, RESULTS);
    writeFileSync(directory.journalPath, 'scores');
    await directory.abort();
    assert.deepEqual(readdirSync(out()), ['.journal']);
  });

  for (const inputName of ['', 'a/b', 'a\0b']) {
    it(`refuses ${JSON.stringify(inputName)} as the input's name`, async () => {
      await assert.rejects(openResultDirectory(optionsIn(folder.path, { inputName })), { code: 'VNP_ARGUMENT' });
      assert.ok(!existsSync(out()));
    });
  }

  it('takes an input name that looks like a pattern as it is', async () => {
    const sequences = { letters: Buffer.from('ACGT'), orfs: [] };
    const window = windowResult('a', 1, { status: 'no_frame', sequences });
    const options = optionsIn(folder.path, { inputName: '$&{size}', keepIntermediate: true });
    await writeRun(options, [window, contigResult('a', 'ACGT', { windows: 1 })]);
    assert.ok(existsSync(out('$&{size}_chunked500.fa')));
  });
});
