import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { checkInputs, inputStem } from '../../lib/input/input-files.js';
import { InputProgress } from '../../lib/input/input-progress.js';
import { readRecords } from '../../lib/input/records.js';
import { skip } from '../skipped.js';
import { useTemporaryFolder } from './temporary-folder.js';
import { readPlain } from './plain-records.js';

async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < text.length; start += size) yield Buffer.from(text.slice(start, start + size));
}

describe('inputs', () => {
  const folder = useTemporaryFolder();

  function directory(): string {
    mkdirSync(folder.path('many'));
    mkdirSync(folder.path('many/folder.fa'));
    const names = ['b.fa', 'a.fasta', 'B.fna', 'c.ffn', 'd.fas', 'e.fsa', 'é.FA', 'z.txt', 'a.gz', '.hidden.fa'];
    names.push('f.fq', 'g.FASTQ.gz', 'h.fa.bgz', 'i.fna.bz2', 'j.fas.XZ', 'k.fasta.zst', 'l.fa.zip', 'm.fa.gz.bak');
    for (const name of names) folder.write(`many/${name}`, `>${name}\nACGT\n`);
    return folder.path('many');
  }

  it('are read one after another, with one numbering', async () => {
    const first = folder.write('first.txt', '>a\nAC\n>b\nG');
    const empty = folder.write('empty.fa', '');
    const second = folder.write('second.fa', '>c\nT\n');
    const records = [];
    for await (const { index, id, source, sequence } of readRecords([first, empty, second, first])) {
      records.push([index, id, source, sequence.length]);
    }
    assert.deepEqual(records, [
      [0, 'a', first, 2],
      [1, 'b', first, 1],
      [2, 'c', second, 1],
      [3, 'a', first, 2],
      [4, 'b', first, 1],
    ]);
  });

  it('may be a directory: its sequence files by code point, packed or not, not its folders, nor hidden files', async () => {
    const ids = (await readPlain([directory()])).map(({ id }) => id);
    assert.deepEqual(ids, [
      ...['B.fna', 'a.fasta', 'b.fa', 'c.ffn', 'd.fas', 'e.fsa', 'f.fq', 'g.FASTQ.gz'],
      // The extension says that the file may contain sequences; the content shows how it is compressed, if at all.
      ...['h.fa.bgz', 'i.fna.bz2', 'j.fas.XZ', 'k.fasta.zst', 'é.FA'],
    ]);
  });

  it('have a name without folder and endings, for the classic files', () => {
    const stems = ['in/x.fa', 'x.fa.gz', 'x.y.FASTQ.BZ2', 'x', '.fa', 'x.tar.gz', 'x.gz'].map(inputStem);
    assert.deepEqual(stems, ['x', 'x', 'x.y', 'x', '.fa', 'x', 'x']);
  });

  it('may be standard input', async () => {
    const standardInput = chunksOf('>a\nACGT\n>b\nG\n', 3);
    const other = folder.write('other.fa', '>c\nT\n');
    const ids = (await readPlain([other, '-'], { standardInput })).map(({ id, letters }) => [id, letters]);
    assert.deepEqual(ids, [
      ['c', 'T'],
      ['a', 'ACGT'],
      ['b', 'G'],
    ]);
  });

  it('may be a pipe, which the check does not touch', async () => {
    const pipe = folder.path('pipe.fa');
    execFileSync('mkfifo', [pipe]);
    assert.deepEqual(await checkInputs([pipe]), [{ path: pipe, size: undefined }]);
    const writer = spawn('sh', ['-c', 'printf ">a\\nACGT\\n" > "$0"', pipe]);
    assert.deepEqual(
      (await readPlain([pipe])).map(({ letters }) => letters),
      ['ACGT'],
    );
    await new Promise((resolve) => (writer.exitCode === null ? writer.once('exit', resolve) : resolve(0)));
  });

  it('are listed with their sizes by the check', async () => {
    const file = folder.write('one.fa', '>a\nAC\n');
    const many = directory();
    const files = await checkInputs([file, '-', many]);
    assert.deepEqual(files.slice(0, 3), [
      { path: file, size: 6 },
      { path: '-', size: undefined },
      { path: `${many}/B.fna`, size: 12 },
    ]);
    assert.equal(files.length, 15);
  });

  it('are counted and hashed while they are read', async () => {
    const contents = ['>a\nACGT\n>b\r\nGG', '', `; text\n>c\n${'ACGT\n'.repeat(200)}`];
    const paths = contents.map((content, index) => folder.write(`${index}.fa`, content));
    const progress = new InputProgress();
    const seen: number[] = [];
    for await (const { sequence } of readRecords(paths, { progress, blockSize: 100 })) {
      seen.push(progress.bytesRead);
      sequence.release();
    }
    assert.deepEqual(seen, [14, 14, 14 + contents[2]!.length]);
    assert.deepEqual(
      progress.finished,
      contents.map((content, index) => {
        return {
          path: paths[index],
          bytes: content.length,
          sha256: createHash('sha256').update(content).digest('hex'),
        };
      }),
    );
  });

  it('that are missing are refused before and while reading', async () => {
    const path = folder.path('missing.fa');
    const error = {
      code: 'VNP_INPUT_MISSING',
      message: `Input ${path} cannot be read: nothing exists at that path. Check the path`,
    };
    await assert.rejects(checkInputs([path]), error);
    await assert.rejects(readPlain([path]), error);
  });

  it('that may not be read are refused', async function () {
    if (process.getuid?.() === 0) skip(this, 'the superuser may read any file');
    const path = folder.write('secret.fa', '>a\nA\n');
    chmodSync(path, 0);
    const error = { code: 'VNP_INPUT_MISSING', message: /secret\.fa cannot be read: permission denied/ };
    await assert.rejects(checkInputs([path]), error);
    await assert.rejects(readPlain([path]), error);
  });

  it('that are directories without FASTA files are refused', async () => {
    mkdirSync(folder.path('none'));
    folder.write('none/readme.txt', '>a\nA\n');
    const error = {
      code: 'VNP_INPUT_MISSING',
      message: /^Input directory .*none has no file that ends in \.fa, /,
    };
    await assert.rejects(checkInputs([folder.path('none')]), error);
    await assert.rejects(readPlain([folder.path('none')]), error);
  });

  it('that are several are all checked, one line for each problem', async () => {
    const good = folder.write('good.fa', '>a\nA\n');
    const text = folder.write('text.fa', 'hello\n');
    const strange = folder.path('line\nbreak.fa');
    await assert.rejects(
      checkInputs([folder.path('missing.fa'), good, text, strange]),
      (error: Error & { code: string }) => {
        const lines = error.message.split('\n');
        assert.equal(error.code, 'VNP_INPUT_MISSING');
        assert.equal(lines.length, 3);
        assert.match(lines[0]!, /missing\.fa/);
        assert.match(lines[1]!, /text\.fa/);
        assert.match(lines[2]!, /line\\nbreak\.fa/);
        return true;
      },
    );
  });

  it('are at least one, and standard input at most once', async () => {
    await assert.rejects(checkInputs([]), { code: 'VNP_USAGE' });
    await assert.rejects(checkInputs(['-', '-']), { code: 'VNP_USAGE' });
  });
});
