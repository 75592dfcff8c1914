import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../repository.js';

const script = join(repositoryRoot, 'scripts', 'chaos.mjs');

/** Also the fields of the error that `execFile` rejects with. */
interface Ended {
  readonly code?: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function chaos(...words: string[]): Promise<Ended> {
  try {
    return await promisify(execFile)(process.execPath, [script, ...words]);
  } catch (ended) {
    return ended as Ended;
  }
}

describe('npm run chaos', () => {
  it('kills runs, damages their journals, and prints what was survived', async () => {
    const few = ['--kills', '2', '--times', '1', '--steps', '1', '--contigs', '20', '--seed', '1'];
    const { code, stdout, stderr } = await chaos(...few, '--only', 'anywhere');
    assert.equal(code, undefined, stdout + stderr);
    assert.match(stdout, /undisturbed run: 20 records, \d+ windows, \d+ frames in \d+ batches/);
    const rows = stdout.split('\n').filter((line) => line.includes('anywhere'));
    const survived = rows.map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, 4),
    );
    assert.deepEqual(survived, [
      ['kill -9 anywhere in the run', '2', '2 of 2'],
      ['journal: 20 bits flipped anywhere behind the keys', '1', '1 of 1'],
      ['journal: cut off anywhere', '1', '1 of 1'],
    ]);
  });

  it('says what is wrong with its words', async () => {
    const { code, stderr } = await chaos('--kills', 'many');
    assert.deepEqual([code, stderr], [1, 'Expected a whole number for --kills but received many\n']);
  });
});
