import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { checkInputs } from '../../lib/input/input-files.js';
import { InputProgress } from '../../lib/input/input-progress.js';
import type { ReadOptions } from '../../lib/input/records.js';
import { readPlain } from './plain-records.js';
import { useTemporaryFolder } from './temporary-folder.js';

const RECORDS = '>a\nACGT\n>b\nAC\n';

async function warningsOfCheck(inputs: readonly string[]): Promise<string[]> {
  const warnings: string[] = [];
  await checkInputs(inputs, { onWarning: (text) => warnings.push(text) });
  return warnings;
}

async function warningsOfReading(inputs: readonly string[], options: ReadOptions = {}): Promise<readonly string[]> {
  const progress = new InputProgress();
  await readPlain(inputs, { progress, ...options });
  return progress.warnings;
}

describe('the entries of an input directory', () => {
  const folder = useTemporaryFolder();

  it('that are not read are named, with why, before anything is read', async () => {
    const samples = folder.path('samples');
    mkdirSync(join(samples, 'nested'), { recursive: true });
    mkdirSync(join(samples, 'folder.fa'));
    symlinkSync('nested', join(samples, 'link'));
    execFileSync('mkfifo', [join(samples, 'pipe.fa')]);
    for (const name of ['x.fa.txt', 'a.fa', '.DS_Store', 'notes']) folder.write(`samples/${name}`, RECORDS);
    symlinkSync('nowhere', join(samples, 'gone'));
    assert.deepEqual(await warningsOfCheck([samples]), [
      `7 entries of directory ${samples} are not read: 3 folders, which are not searched (folder.fa, link, nested); ` +
        '3 files with other endings (gone, notes, x.fa.txt); 1 that is not a regular file (pipe.fa)',
    ]);
  });

  it('are named up to five of a kind', async () => {
    const samples = folder.path('samples');
    mkdirSync(samples);
    for (const name of ['1', '2', '3', '4', '5', '6\n', '7']) folder.write(`samples/${name}.txt`, '');
    folder.write('samples/a.fa', RECORDS);
    const start = `7 entries of directory ${samples} are not read: 7 files with other endings (`;
    assert.deepEqual(await warningsOfCheck([samples]), [`${start}1.txt, 2.txt, 3.txt, 4.txt, 5.txt and 2 more)`]);
  });

  it('need no word where all are read, are hidden, or are the results of a run', async () => {
    const samples = folder.path('samples');
    mkdirSync(join(samples, 'finished'), { recursive: true });
    mkdirSync(join(samples, 'begun', '.unfinished-1'), { recursive: true });
    for (const name of ['a.fa', 'b.fq.gz', '.hidden.txt', 'finished/run.json'])
      folder.write(`samples/${name}`, RECORDS);
    assert.deepEqual(await warningsOfCheck([samples]), []);
  });

  it('are one warning a directory, and none where an input is refused', async () => {
    const names = ['one', 'other'].map((name) => folder.path(name));
    for (const name of names) {
      mkdirSync(name);
      writeFileSync(join(name, 'a.fa'), RECORDS.replace('a', name));
      writeFileSync(join(name, 'a.gff'), '');
    }
    const warnings = await warningsOfCheck(names);
    assert.deepEqual(
      warnings,
      names.map((name) => `1 entry of directory ${name} is not read: 1 file with another ending (a.gff)`),
    );
    const told: string[] = [];
    await assert.rejects(checkInputs([...names, folder.path('none')], { onWarning: (text) => told.push(text) }));
    assert.deepEqual(told, []);
  });
});

describe('an input that is given twice', () => {
  const folder = useTemporaryFolder();
  const same = (path: string, earlier: string): string =>
    `input ${path} has the same content as input ${earlier}, so its records are read more than once`;

  it('is found before it is read, by whatever path, and not named again when it is read', async () => {
    const path = folder.write('a.fa', RECORDS);
    const [link, hardLink] = [folder.path('link.fa'), folder.path('hard.fa')];
    symlinkSync('a.fa', link);
    linkSync(path, hardLink);
    const inputs = [path, link, hardLink, path, path];
    const twice = `input ${path} is given more than once, so its records are read more than once`;
    const wanted = [same(link, path), same(hardLink, path), twice];
    assert.deepEqual(new Set(await warningsOfCheck(inputs)), new Set(wanted));
    const progress = new InputProgress();
    await checkInputs(inputs, { onWarning: (text) => progress.warn(text) });
    await readPlain(inputs, { progress });
    assert.deepEqual(progress.warnings, wanted);
  });

  it('is found when it is read, by its content, packed or not', async () => {
    const path = folder.write('a.fa', RECORDS.repeat(1000));
    const packed = folder.write('a.fa.gz', gzipSync(RECORDS.repeat(1000)));
    const copy = folder.write('copy.fa', RECORDS.repeat(1000));
    assert.deepEqual(await warningsOfCheck([path, packed, copy]), []);
    for (const blockSize of [7, 512 * 1024]) {
      const warnings = await warningsOfReading([path, packed, copy], { blockSize });
      assert.deepEqual(warnings, [same(packed, path), same(copy, path)]);
    }
  });

  it('may be standard input', async () => {
    const path = folder.write('a.fa', RECORDS);
    const standardInput = Readable.from([Buffer.from(RECORDS)]);
    assert.deepEqual(await warningsOfReading([path, '-'], { standardInput }), [
      `standard input has the same content as input ${path}, so its records are read more than once`,
    ]);
  });

  it('is none where contents differ in a letter or in their end, or where there is no content', async () => {
    const texts = [RECORDS, RECORDS.replace('ACGT', 'ACGA'), `${RECORDS}\n`, RECORDS.trimEnd()];
    const inputs = texts.map((text, index) => folder.write(`${index}.fa`, text));
    assert.deepEqual(await warningsOfReading(inputs), []);
    assert.deepEqual(await warningsOfCheck(inputs), []);
    const empty = ['one.fa', 'other.fa'].map((name) => folder.write(name, ''));
    assert.deepEqual(await warningsOfCheck([...empty, empty[0]!]), []);
  });
});

describe('an input without records', () => {
  const folder = useTemporaryFolder();

  for (const [what, content, why] of [
    ['no byte', '', 'it is empty'],
    ['a packed file of nothing', gzipSync(''), 'it is empty'],
    ['white space', ' \n\r\n\t\n', 'it contains only white space'],
    ['packed white space', gzipSync('\n'.repeat(60_000)), 'it contains only white space'],
    ['a byte order mark', '\ufeff', 'it contains only white space'],
    ['a byte order mark and a line end', '\ufeff\n', 'it contains only white space'],
  ] as const) {
    it(`is named: ${what}`, async () => {
      const path = folder.write('x.fa', content);
      const other = folder.write('other.fa', RECORDS);
      const wanted = [`no records in ${path}: ${why}`];
      assert.deepEqual(await warningsOfReading([path, other]), wanted);
      assert.deepEqual(await warningsOfReading([other, path], { blockSize: 1 }), wanted);
    });
  }

  it('may be standard input', async () => {
    const standardInput = Readable.from([]);
    assert.deepEqual(await warningsOfReading(['-'], { standardInput }), ['no records in standard input: it is empty']);
  });

  it('is not one that has a record of nothing, nor one that breaks off', async () => {
    assert.deepEqual(await warningsOfReading([folder.write('x.fa', '>')]), []);
    const broken = folder.write('y.fa', gzipSync(RECORDS).subarray(0, 15));
    const progress = new InputProgress();
    await assert.rejects(readPlain([broken], { progress }), { code: 'VNP_INPUT_FORMAT' });
    assert.deepEqual(progress.warnings, []);
  });
});
