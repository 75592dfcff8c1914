import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { virnucpro } from './command-line.js';

const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1'];
const SAME = [
  'contigs.tsv',
  'windows.tsv',
  'virus.fna',
  'prediction_results.txt',
  'prediction_results_highestscore.csv',
];

function records(name: string, count: number, seed: number): string {
  const next = seededNumbers(seed);
  const letters = (): string => Array.from({ length: 500 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index) => `>${name}_${index}\n${letters()}\n`).join('');
}

describe('virnucpro predict, when an input breaks off', () => {
  let installed: InstalledModel;
  let folder: string;
  const at = (...names: string[]): string => join(folder, ...names);
  const predict = (output: string, ...more: string[]) =>
    virnucpro(['predict', at('in'), '-o', output, ...EXACT, ...more], { models: installed.models });

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('keeps what was finished, says where, and goes on when the input is mended', async () => {
    mkdirSync(at('in'));
    writeFileSync(at('in', 'a.fa'), records('a', 8, 1));
    // More than is read before the model is loaded.
    const second = records('b', 200, 2);
    const whole = gzipSync(second);
    writeFileSync(at('in', 'b.fa.gz'), whole.subarray(0, whole.length - 100));

    const broken = await predict(at('out'));
    assert.equal(broken.end, 1, broken.errors);
    assert.match(broken.errors, /b\.fa\.gz.*record/);
    assert.match(broken.errors, /what was computed is kept in .*out: the same command with --resume/);
    const run = JSON.parse(readFileSync(at('out', 'run.json'), 'utf8')) as RunManifest;
    assert.equal(run.outcome, 'stopped');
    const rows = readFileSync(at('out', 'contigs.tsv'), 'utf8').trimEnd().split('\n').slice(2);
    assert.ok(rows.length >= 8 && rows.length < 208, `${rows.length} records`);

    writeFileSync(at('in', 'b.fa.gz'), whole);
    const resumed = await predict(at('out'), '--resume');
    assert.equal(resumed.end, 0, resumed.errors);
    assert.match(resumed.errors, /resuming an earlier run/);
    const undisturbed = await predict(at('undisturbed'));
    assert.equal(undisturbed.end, 0, undisturbed.errors);
    for (const name of SAME)
      assert.deepEqual(readFileSync(at('out', name)), readFileSync(at('undisturbed', name)), name);
    assert.ok(!readdirSync(at('out')).includes('.journal'));
  });
});
