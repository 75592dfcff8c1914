import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { createRandomModel } from '../../lib/models.js';

const PROGRAM = fileURLToPath(new URL('long-sequences-process.js', import.meta.url));
const MIB = 2 ** 20;

/** What blocks does so each time; what the watch cannot tell from it, such as locks of starved threads, does not. */
const ATTEMPTS = 10;

describe('a long sequence', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-long-'));
    const made = { classifier: false, models: folder } as const;
    await createRandomModel({ ...made, name: 'protein', protein: 'esm2_tiny' });
    await createRandomModel({ ...made, name: 'dna', dna: 'dnabert_tiny' });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function measured(step: 'memory' | 'blocking'): Promise<number> {
    const env = { ...process.env, VIRNUCPRO_ADDON: dirname(loadAddon().path) };
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', PROGRAM, folder, step], { env });
    return JSON.parse(stdout) as number;
  }

  it('is embedded in the memory of a few batches', async () => {
    // The states of its 100,000 residues alone take 24 MiB; those of a batch 1 MiB, and up to five are underway.
    const most = await measured('memory');
    assert.ok(most > 0.5 * MIB && most < 10 * MIB, `${(most / MIB).toFixed(1)} MiB`);
  });

  it('does not block the event loop while it is read', async () => {
    const seen: number[] = [];
    while (seen.length < ATTEMPTS) {
      seen.push(await measured('blocking'));
      if (seen.at(-1)! <= 50) return;
    }
    assert.fail(`the event loop stands still for more than 50 ms each time: ${seen.join(', ')}`);
  });
});
