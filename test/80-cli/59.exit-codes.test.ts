import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { EXIT, EXIT_MEANINGS, EXIT_OF_OUTCOME, EXIT_OF_SIGNAL } from '../../lib/cli/exit-codes.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { virnucpro } from './command-line.js';
import type { RunOptions } from './command-line.js';

const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--log-format', 'json'];
const SOUND = `>sound\n${'ATGGCTGCTAAAGGTCTG'.repeat(5)}\n`;
const INVALID = `>invalid\n${'ACGT'.repeat(9)}\0\n`;
const FRAMELESS = '>frameless\nTAATAATAACTAACTAACTTAGTTAGTTAG\n';

/** Without the letter T neither strand has a stop codon; random letters hardly compress. */
function manyRecords(count: number): string {
  const next = seededNumbers(1);
  const letters = (): string => Array.from({ length: 500 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index) => `>record_${index}\n${letters()}\n`).join('');
}

describe('the exit code', () => {
  let installed: InstalledModel;
  let folder: string;
  const at = (...names: string[]): string => join(folder, ...names);
  const predict = (input: string, output: string, more: readonly string[] = [], options: RunOptions = {}) =>
    virnucpro(['predict', at(input), '-o', at(output), ...EXACT, ...more], { models: installed.models, ...options });
  const outcome = (output: string): string =>
    (JSON.parse(readFileSync(at(output, 'run.json'), 'utf8')) as RunManifest).outcome;

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-exit-'));
    // More than is read before the model is loaded.
    writeFileSync(at('cut.fa.gz'), gzipSync(manyRecords(200)).subarray(0, -100));
    writeFileSync(at('long.fa'), manyRecords(4000));
    writeFileSync(at('sound.fa'), SOUND);
    writeFileSync(at('empty.fa'), '');
    writeFileSync(at('mixed.fa'), SOUND + INVALID);
    writeFileSync(at('nothing-scored.fa'), FRAMELESS + INVALID);
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  for (const [input, wanted, code] of [
    ['sound.fa', 'complete', 0],
    ['empty.fa', 'complete', 0],
    ['mixed.fa', 'partial', 2],
    ['nothing-scored.fa', 'partial', 2],
    ['cut.fa.gz', 'stopped', 1],
  ] as const) {
    it(`is ${code} for the outcome ${wanted}, again with --resume, and of a call: ${input}`, async () => {
      const output = `of-${input}`;
      const first = await predict(input, output);
      assert.deepEqual([first.end, outcome(output)], [code, wanted], first.errors);
      const again = await predict(input, output, ['--resume']);
      assert.deepEqual([again.end, outcome(output)], [code, wanted], again.errors);
      const called = await virnucpro(['call', at(output), '--threshold', '0.9']);
      assert.deepEqual([called.end, outcome(output)], [code, wanted], called.errors);
      const resumed = await predict(input, `resumed-${input}`, ['--resume']);
      assert.deepEqual([resumed.end, outcome(`resumed-${input}`)], [code, wanted], resumed.errors);
    });
  }

  for (const more of [[], ['--resume']]) {
    it(`is that of the signal for what it has stopped${more.join()}, and 1 of a call of that`, async () => {
      const output = `stopped${more.join()}`;
      let isSent = false;
      const watch: RunOptions['watch'] = (errors, child) => {
        // Before that there are no results.
        if (isSent || !/"event":"progress",.*"windows":[1-9]/.test(errors)) return;
        isSent = true;
        child.kill('SIGTERM');
      };
      const args = ['--progress-interval', '0.1', '--esm-batch-size', '4096', ...more];
      const { end, errors } = await predict('long.fa', output, args, { watch });
      assert.deepEqual([end, outcome(output)], [143, 'stopped'], errors);
      const called = await virnucpro(['call', at(output), '--threshold', '0.9']);
      assert.deepEqual([called.end, outcome(output)], [1, 'stopped'], called.errors);
    });
  }

  it('is 1 where nothing was done', async () => {
    for (const more of [[], ['--resume']]) {
      const { end, errors } = await predict('sound.fa', 'nothing', ['--device', 'cuda:97', ...more]);
      assert.equal(end, 1, errors);
      assert.ok(!existsSync(at('nothing')));
    }
    assert.equal((await virnucpro(['call', at('nothing')])).end, 1);
  });

  it('has a meaning, whatever it is', () => {
    const codes = new Set(EXIT_MEANINGS.map(({ code }) => code));
    assert.deepEqual(codes, new Set(Object.values(EXIT)));
    for (const [word, code] of Object.entries(EXIT_OF_OUTCOME)) {
      assert.ok(EXIT_MEANINGS.some((one) => one.code === code && one.outcome === word));
    }
    for (const code of EXIT_OF_SIGNAL.values()) {
      assert.deepEqual(
        EXIT_MEANINGS.filter((one) => one.code === code).map((one) => one.outcome),
        ['stopped'],
      );
    }
  });
});
