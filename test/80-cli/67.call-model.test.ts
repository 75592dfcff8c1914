import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunManifest } from '../../lib/output/manifest.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { failsWith, succeeds } from './command-line.js';
import { installOtherClassifier } from './other-classifier.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress'];
const SCORED = [
  'contigs.tsv',
  'windows.tsv',
  'prediction_results.txt',
  'prediction_results_highestscore.csv',
  'virus.fna',
];
/** Matrix products of other sizes sum in another order. */
const ROUNDING = 1e-6;
const SCORE = /^\d(\.\d+)?(e-\d+)?$/;
const SCORE_COLUMNS = new Set(['virus_score', 'mean_virus_score', 'max_virus_score', 'score1', 'score2']);
const LOG_ODDS = /^-?\d+\.\d+$/;
/**
 * Rounding of the log odds of a score p, which change 1 / (p (1 - p)) times as much as p. The highest score here is
 * 0.98; low ones are rounded in proportion to their size.
 */
const LOG_ODDS_ROUNDING = 100 * ROUNDING;

/** Maximum difference between two cells of a column; undefined if they must be the same text. */
function toleranceOf(column: string, ...cells: string[]): number | undefined {
  if (SCORE_COLUMNS.has(column) && cells.every((cell) => SCORE.test(cell))) return ROUNDING;
  if (column === 'mean_log_odds' && cells.every((cell) => LOG_ODDS.test(cell))) return LOG_ODDS_ROUNDING;
  return undefined;
}

describe('virnucpro call --model', () => {
  let installed: InstalledModel;
  let folder: string;
  const path = (...names: string[]): string => join(folder, ...names);
  const rowsOf = (...names: string[]): string[][] =>
    readFileSync(path(...names), 'utf8')
      .split('\n')
      .map((line) => line.split('\t'));
  const runJson = (name: string): RunManifest =>
    JSON.parse(readFileSync(path(name, 'run.json'), 'utf8')) as RunManifest;

  const predict = (name: string, model: string, ...args: string[]) =>
    succeeds(['predict', INPUT, '-o', path(name), '--model', model, ...EXACT, ...args], { models: installed.models });
  const call = (...args: string[]) => succeeds(['call', ...args], { models: installed.models });
  const refuses = (message: RegExp, ...args: string[]) => failsWith(message, args, { models: installed.models });
  /** Results with embeddings to work on: a copy of one run. */
  const results = (name: string): string => {
    cpSync(path('earlier'), path(name), { recursive: true });
    return path(name);
  };
  /** All cells are equal, except for the rounding of scores. */
  const agree = (name: string, wanted: string): void => {
    for (const file of SCORED) {
      const [rows, wantedRows] = [rowsOf(name, file), rowsOf(wanted, file)];
      const header = wantedRows.find((cells) => cells.length > 1) ?? [];
      assert.equal(rows.length, wantedRows.length, file);
      rows.forEach((cells, row) => {
        assert.equal(cells.length, wantedRows[row]!.length);
        cells.forEach((cell, column) => {
          const other = wantedRows[row]![column]!;
          const tolerance = toleranceOf(header[column]!, cell, other);
          const isSame = tolerance === undefined ? cell === other : Math.abs(Number(cell) - Number(other)) <= tolerance;
          assert.ok(isSame, `${file}, line ${row + 1}: ${cell} for ${other}`);
        });
      });
    }
  };

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-call-model-'));
    await installOtherClassifier('other', installed.models, folder);
    await predict('earlier', 'golden', '--save-embeddings');
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('gives the scores of the run again when it is its own model', async () => {
    await call(results('again'), '--model', 'golden');
    agree('again', 'earlier');
    const [run, { rescored, ...earlier }] = [runJson('again'), runJson('earlier')];
    assert.deepEqual([run.model, run.counts, rescored], [earlier.model, earlier.counts, undefined]);
  });

  for (const rule of [[], ['--threshold', '0.3', '--min-fraction', '0.7']]) {
    it(`writes what predict with that model ${rule.join(' ')} writes`, async () => {
      const [name, wanted] = [`called${rule.join('')}`, `wanted${rule.join('')}`];
      await predict(wanted, 'other', '--save-embeddings', ...rule);
      await call(results(name), '--model', 'other', '--threads', '1', ...rule);
      agree(name, wanted);
      assert.throws(() => agree(name, 'earlier'), 'the classifier is another one');
      const [run, wantedRun] = [runJson(name), runJson(wanted)];
      for (const field of ['model', 'counts', 'parameters', 'outcome', 'warnings'] as const) {
        assert.deepEqual(run[field], wantedRun[field], field);
      }
      const { name: model, parts } = runJson('earlier').model;
      const classifier = parts.find(({ role }) => role === 'classifier')!.sha256;
      assert.deepEqual(
        run.rescored?.map(({ from }) => from),
        [{ threshold: 0.5, minFraction: 0.5, model, classifier, temperature: 1 }],
      );
      assert.deepEqual(readdirSync(path(name)).sort(), readdirSync(path('earlier')).sort());
      // It wrote ordinary results, which predict recognises as complete.
      await succeeds(
        ['predict', INPUT, '-o', path(name), '--model', 'other', '--resume', '--save-embeddings', ...EXACT, ...rule],
        {
          models: installed.models,
        },
      );
      await call(path(name), '--model', 'golden');
      agree(name, 'earlier');
    });
  }

  it('takes models from --models, and one from elsewhere only with --trust', async () => {
    cpSync(join(installed.models, 'other'), path('models', 'foreign'), { recursive: true });
    const args = [results('trusted'), '--model', 'foreign', '--models', path('models')];
    await refuses(/The model foreign in .*: it came from elsewhere/, 'call', ...args);
    await call(...args, '--trust');
    assert.equal(runJson('trusted').model.name, 'foreign');
  });

  it('needs neither a model nor libtorch without it', async () => {
    const nowhere = { LIBTORCH: path('nowhere'), VIRNUCPRO_ADDON: path('nowhere'), PATH: '' };
    const options = { models: path('no models'), environment: nowhere };
    await succeeds(['call', results('alone'), '--threshold', '0.9'], options);
  });

  it('refuses a run without embeddings, and says how to get them', async () => {
    await predict('plain', 'golden');
    await refuses(/predict again with --save-embeddings\n$/, 'call', path('plain'), '--model', 'other');
  });

  it('refuses a model with other language models', async () => {
    const args = ['--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    await succeeds(['models', 'random', '--name', 'random', ...args], { models: installed.models });
    const before = statSync(path('earlier', 'run.json')).mtimeMs;
    await refuses(
      /a dna part with the SHA-256 [0-9a-f]{64}, but the model random has one with [0-9a-f]{64}\. /,
      ...['call', path('earlier'), '--model', 'random'],
    );
    assert.equal(statSync(path('earlier', 'run.json')).mtimeMs, before);
  });

  it('refuses a model that is not there, and options of a model without one', async () => {
    await refuses(
      /The model gone is not installed in .*; available: golden, other/,
      'call',
      path('earlier'),
      '-m',
      'gone',
    );
    for (const args of [['--models', 'x'], ['--trust'], ['--threads', '2']]) {
      await refuses(new RegExp(`--model <name> for ${args[0]} but`), 'call', path('earlier'), ...args);
    }
  });
});
