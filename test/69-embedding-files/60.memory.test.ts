import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { EMBEDDING_FORMATS } from '../../lib/embedding-files/formats.js';
import { repositoryRoot } from '../repository.js';
import { temporaryFolder } from './sequences.js';

const PROGRAM = join(repositoryRoot, 'dist', 'test', '69-embedding-files', 'writing-process.js');
const FEW = 100_000;
const MANY = 1_000_000;

/**
 * The difference of the sequences is 230 MB of numbers, and 60 MB of ids as JavaScript keeps them. A writer that keeps
 * either has a larger difference; what a collection of garbage more or less makes is 60 MB at most.
 */
const MOST_DIFFERENCE = 120e6;

describe('Writing embeddings of a million sequences', function () {
  this.timeout(600_000);
  const folder = temporaryFolder();

  function peakBytes(format: string, sequences: number): number {
    const path = join(folder.path, `${sequences}.${format}`);
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, format, path, String(sequences)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    return Number(stdout);
  }

  for (const format of EMBEDDING_FORMATS) {
    it(`takes hardly more memory than writing a tenth of them: ${format}`, () => {
      const difference = peakBytes(format, MANY) - peakBytes(format, FEW);
      assert.ok(difference < MOST_DIFFERENCE, `${Math.round(difference / 1e6)} MB more`);
    });
  }
});
