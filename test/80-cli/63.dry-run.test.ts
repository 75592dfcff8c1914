import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '../../lib/index.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { failsWith, succeeds } from './command-line.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const EXACT = ['--model', 'golden', '--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress'];

describe('virnucpro predict --dry-run', () => {
  let installed: InstalledModel;
  let folder: string;
  const path = (...names: string[]): string => join(folder, ...names);
  const dryRun = (name: string, ...more: string[]): string[] => [
    ...['predict', INPUT, '-o', path(name), ...EXACT, '--dry-run'],
    ...more,
  ];

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-dry-run-'));
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });
  const options = (): { models: string } => ({ models: installed.models });

  /** Everything in a directory, by name and content. */
  function contentOf(name: string): Map<string, string> {
    return new Map(readdirSync(path(name)).map((file) => [file, readFileSync(path(name, file), 'latin1')]));
  }

  it('prints the plan and writes nothing', async () => {
    const words = dryRun('new', '--threshold', '0.7', '--esm-batch-size', '600', '--save-embeddings');
    const { output } = await succeeds(words, options());
    assert.match(output, /^model +golden, chunk size 500 bases/m);
    assert.match(output, /^device +cpu: .*, 1 thread$/m);
    assert.match(output, /^precision +fp32$/m);
    assert.match(output, /^batches +\d+ tokens of DNABERT-S, 600 of ESM-2$/m);
    assert.match(output, /^calls +windows at a virus score of 0\.7/m);
    assert.match(output, /^also written +embeddings$/m);
    assert.match(output, new RegExp(`^output +${path('new')}$`, 'm'));
    assert.ok(!existsSync(path('new')));
  });

  it('fails where the run would, with the same message', async () => {
    mkdirSync(path('full'));
    writeFileSync(path('full', 'notes.txt'), 'mine');
    writeFileSync(path('file'), '');
    const wrong: [RegExp, string[]][] = [
      [/is not empty: it holds notes\.txt/, dryRun('full')],
      [/The output .* is a file, not a directory/, dryRun('file')],
      [/one of cpu.* for a device but received cuda:77/, dryRun('new', '--device', 'cuda:77')],
      [/nothing exists at that path/, dryRun('new').map((word) => (word === INPUT ? path('no such.fa') : word))],
      [/The model nonsense is not installed/, dryRun('new', '--model', 'nonsense')],
      [/a model other than golden/, dryRun('new', '--triage', 'golden')],
      [/--triage-others-below needs --triage/, dryRun('new', '--triage-others-below', '0.1')],
    ];
    for (const [message, words] of wrong) await failsWith(message, words, options());
    for (const [message, words] of wrong.slice(0, 3)) {
      const ofTheRun = words.filter((word) => word !== '--dry-run');
      await failsWith(message, ofTheRun, options());
    }
    assert.deepEqual(contentOf('full'), new Map([['notes.txt', 'mine']]));
    assert.ok(!existsSync(path('new')));
  });

  it('allows with --force what the run would replace, and leaves it', async () => {
    const before = contentOf('full');
    await succeeds(dryRun('full', '--force'), options());
    assert.deepEqual(contentOf('full'), before);
  });

  it('says of a directory with the results that there is nothing to do', async () => {
    const words = dryRun('done').filter((word) => word !== '--dry-run');
    await succeeds(words, options());
    const before = contentOf('done');
    const { output } = await succeeds(dryRun('done', '--resume'), options());
    assert.match(output, /^output .* which already holds the results of this run$/m);
    await failsWith(/is not empty: it holds contigs\.tsv/, dryRun('done'), options());
    await failsWith(
      /results of other inputs, another model or other options/,
      dryRun('done', '--resume', '--threshold', '0.9'),
      options(),
    );
    assert.deepEqual(contentOf('done'), before);
  });

  it('has of an unfinished run what that was begun with', async () => {
    mkdirSync(path('cut'));
    const exact = { precision: 'fp32', devices: ['cpu'], threads: 1, proteinBatchTokens: 300 } as const;
    const predictor = await open({ model: 'golden', models: installed.models, ...exact });
    const ended = new AbortController();
    const prediction = predictor.predict(INPUT, { journal: path('cut', '.journal'), signal: ended.signal });
    await assert.rejects(
      async () => {
        for await (const result of prediction) if (result.kind === 'contig') ended.abort('enough');
      },
      (reason) => reason === 'enough',
    );
    await predictor.close();
    const before = contentOf('cut');
    const { output } = await succeeds(dryRun('cut', '--resume'), options());
    assert.match(output, /300 of ESM-2$/m);
    assert.match(output, /^journal +resumes the unfinished run in /m);
    assert.deepEqual(contentOf('cut'), before);
  });
});
