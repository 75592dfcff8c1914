import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { virnucpro } from './command-line.js';
import type { RunOptions } from './command-line.js';
import type { RunManifest } from '../../lib/output/manifest.js';

const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--log-format', 'json'];

/** Records without the letter T: neither strand has a stop codon, so all six frames of every window are scored. */
function manyRecords(count: number): string {
  const next = seededNumbers(1);
  const letters = (): string => Array.from({ length: 500 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index) => `>record_${index}\n${letters()}\n`).join('');
}

/** Sends a signal once the log has an event with this name, or a matching line. */
function interrupt(signal: NodeJS.Signals, event: string | RegExp): NonNullable<RunOptions['watch']> {
  let sent = false;
  const line = typeof event === 'string' ? new RegExp(`"event":"${event}"`) : event;
  return (errors, child) => {
    if (sent || !line.test(errors)) return;
    sent = true;
    child.kill(signal);
  };
}

describe('virnucpro predict, when it is interrupted', () => {
  let installed: InstalledModel;
  let folder: string;
  let input: string;

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    input = join(folder, 'many.fa');
    // Far more than is computed before the signal comes.
    writeFileSync(input, manyRecords(4000));
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    // As when its terminal was closed.
    ['SIGHUP', 129],
  ] as const) {
    it(`by ${signal} ends with ${code} and writes what is finished`, async () => {
      const output = join(folder, signal);
      const options = { models: installed.models, watch: interrupt(signal, /"event":"progress".*"frames":[1-9]/) };
      const args = ['predict', input, '-o', output, ...EXACT, '--progress-interval', '0.1', '--esm-batch-size', '4096'];
      const { end, errors, output: printed } = await virnucpro(args, options);
      assert.deepEqual([end, printed], [code, ''], errors);
      const last = errors.trimEnd().split('\n').slice(-2);
      assert.deepEqual(
        last
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .map(({ event, output: named }) => [event, named]),
        [
          ['interrupted', output],
          ['resumable', output],
        ],
      );
      // Logged at once, while the running batch is awaited.
      assert.match(errors, new RegExp(`"event":"stopping","signal":"${signal}"`));
      const run = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest;
      assert.equal(run.outcome, 'stopped');
      assert.match(run.warnings.join(), new RegExp(`stopped by ${signal} before the end of the input .VNP_ABORTED.`));
      const rows = readFileSync(join(output, 'windows.tsv'), 'utf8').trimEnd().split('\n').slice(2);
      assert.equal(rows.length, run.counts.windows);
      assert.ok(rows.length > 0 && rows.length < 4000, `${rows.length} windows`);
      assert.deepEqual(
        rows.map((row) => row.split('\t').slice(0, 2)),
        rows.map((_, index) => [`record_${index}`, '1']),
      );
      assert.ok(rows.every((row) => row.split('\t')[9] === 'scored'));
    });
  }

  it('before it has anything to show leaves nothing', async () => {
    const output = join(folder, 'new', 'output');
    const options = { models: installed.models, watch: interrupt('SIGINT', 'loading') };
    const { end, errors } = await virnucpro(['predict', input, '-o', output, ...EXACT], options);
    assert.equal(end, 130, errors);
    assert.match(errors, /"event":"interrupted","signal":"SIGINT","output":null/);
    assert.ok(!existsSync(join(folder, 'new')));
  });

  it('twice ends at once, whatever runs', async () => {
    const output = join(folder, 'twice');
    let signals = 0;
    const watch: RunOptions['watch'] = (errors, child) => {
      const wanted = ['progress', 'stopping'][signals];
      if (wanted === undefined || !errors.includes(`"event":"${wanted}"`)) return;
      signals++;
      child.kill('SIGINT');
    };
    // One batch that takes far longer than this test.
    const slow = ['--esm-batch-size', '1000000', '--dnabert-batch-size', '1000000', '--progress-interval', '0.1'];
    const options = { models: installed.models, watch };
    const { end } = await virnucpro(['predict', input, '-o', output, ...EXACT, ...slow], options);
    assert.deepEqual([end, signals], ['SIGINT', 2]);
    assert.ok(!existsSync(join(output, 'contigs.tsv')));
  });

  it('leaves what was there before', async () => {
    const output = join(folder, 'old');
    mkdirSync(output);
    writeFileSync(join(output, 'contigs.tsv'), 'of an earlier run');
    const options = { models: installed.models, watch: interrupt('SIGINT', 'loading') };
    const { end, errors } = await virnucpro(['predict', input, '-o', output, '--force', ...EXACT], options);
    assert.equal(end, 130, errors);
    assert.deepEqual(readdirSync(output), ['contigs.tsv']);
    assert.equal(readFileSync(join(output, 'contigs.tsv'), 'utf8'), 'of an earlier run');
  });

  it('does not wait for standard input that pauses', async () => {
    const output = join(folder, 'stdin');
    // The input stays open: only the signal can end this run.
    const options = { models: installed.models, input: manyRecords(2), watch: interrupt('SIGINT', 'progress') };
    const args = ['predict', '-', '-o', output, ...EXACT, '--progress-interval', '0.1'];
    const { end, errors } = await virnucpro(args, options);
    assert.equal(end, 130, errors);
    assert.ok(!existsSync(output));
  });

  it('once the results are complete writes them, and says so', async () => {
    const output = join(folder, 'complete');
    const few = join(folder, 'few.fa');
    writeFileSync(few, manyRecords(2));
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = `--import=${new URL('signal-in-measurement.js', import.meta.url).href}`;
    try {
      const { end, errors } = await virnucpro(['predict', few, '-o', output, ...EXACT], { models: installed.models });
      assert.equal(end, 0, errors);
      assert.match(errors, /"event":"completing","signal":"SIGINT"/);
      assert.doesNotMatch(errors, /"event":"(stopping|interrupted)"/);
      assert.ok(existsSync(join(output, 'contigs.tsv')));
    } finally {
      if (before === undefined) delete process.env['NODE_OPTIONS'];
      else process.env['NODE_OPTIONS'] = before;
    }
  });
});
