import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomModel } from '../../lib/models/random/random-model.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { importGolden, installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { rowsOf } from '../70-output/results.js';
import { repositoryRoot } from '../repository.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';

const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress', '--esm-batch-size', '600'];
const FILES = ['contigs.tsv', 'windows.tsv', 'virus.fna', 'prediction_results.txt'];
const CALIBRATION = { temperature: 1.5, triage: [{ chunkSize: 500, othersBelow: 0.05, virusAtLeast: 0.93 }] };
/** Columns of windows.tsv. */
const [CALL, FRAMES, STATUS, MODEL] = [7, 8, 9, 11];
/** Column of contigs.tsv. */
const VERDICT = 3;

interface SimulatedChanges {
  readonly toVirus: number;
  readonly toOther: number;
  readonly otherwise: number;
}

interface SimulatedTriage {
  readonly counts: { readonly windows: number };
  readonly simulated: readonly {
    readonly windowsSpared: number;
    readonly framesSpared: number;
    readonly windows: SimulatedChanges;
    readonly contigs: SimulatedChanges;
    readonly wrong: { readonly contigs: number };
  }[];
  readonly wrong: Record<'small' | 'large', { readonly contigs: number }>;
}

/** Records without the letter T: neither strand has a stop codon, so all six frames of every window are scored. */
function records(count: number): string {
  const next = seededNumbers(count);
  const letters = (): string => Array.from({ length: 500 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index) => `>record_${index}\n${letters()}\n`).join('');
}

describe('virnucpro predict --triage', () => {
  let installed: InstalledModel;
  let folder: string;
  let input: string;
  const path = (...names: string[]): string => join(folder, ...names);
  const content = (...names: string[]): string => readFileSync(path(...names), 'latin1');
  const runJson = (name: string): RunManifest => JSON.parse(content(name, 'run.json')) as RunManifest;
  const args = (name: string, more: readonly string[]): string[] => [
    ...['predict', input, '-o', path(name), '--model', 'large', ...EXACT],
    ...more,
  ];
  const predict = (name: string, ...more: string[]) => succeeds(args(name, more), { models: installed.models });

  before(async () => {
    installed = await installGoldenModel();
    const calibration = join(installed.models, 'calibration.json');
    writeFileSync(calibration, JSON.stringify(CALIBRATION));
    await importGolden(installed.models, { name: 'small', calibration });
    await randomModel({
      ...{ name: 'large', protein: 'esm2_tiny', dna: 'dnabert_tiny', dtype: 'float32' },
      ...{ registry: new ModelRegistry(installed.models), addon: loadAddon().addon },
    });
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-triage-'));
    input = path('many.fa');
    writeFileSync(input, `${records(60)}>no_frame\nTAATAATAACTAACTAACTTAGTTAGTTAG\n`);
    await predict('undisturbed', '--triage', 'small');
    await predict('alone');
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('says of every window which model decided it, and counts what was spared', () => {
    const rows = rowsOf(path('undisturbed', 'windows.tsv'));
    const { counts, model, triage, devices } = runJson('undisturbed');
    const decided = rows.filter((row) => row[MODEL] === 'small');
    assert.ok(decided.length > 0 && decided.length < 60, String(decided.length));
    for (const row of rows) {
      assert.match(row[MODEL]!, row[STATUS] === 'scored' ? /^(small|large)$/ : /^$/);
      const score = Number(row[6]);
      if (row[MODEL] === 'small') assert.ok(score < 0.05 || score >= 0.93, row.join(' '));
    }
    assert.deepEqual([counts.windowsScored, counts.windowsNoFrame, counts.windowsTriaged], [60, 1, decided.length]);
    const spared = decided.reduce((sum, row) => sum + Number(row[FRAMES]), 0);
    assert.equal(counts.framesSpared, spared);
    assert.deepEqual(
      devices.map(({ id, frames }) => [id, frames]),
      [
        ['cpu', 360 - spared],
        ['triage:cpu', 360],
      ],
    );
    const { model: small, ...rule } = triage!;
    assert.deepEqual([model.name, small.name, small.parts.length], ['large', 'small', 3]);
    assert.deepEqual(rule, {
      ...{ othersBelow: 0.05, virusAtLeast: 0.93, ruleTemperature: 1.5, temperature: 1.5, framesFailed: 0 },
    });
    const comment = content('undisturbed', 'windows.tsv').split('\n')[0]!;
    assert.match(comment, / model=large .* triage=small triage_others_below=0\.05 triage_virus_at_least=0\.93/);
    assert.match(comment, /random weights/);
  });

  it('without it says so of no window', () => {
    assert.ok(
      rowsOf(path('alone', 'windows.tsv')).every((row) => row[MODEL] === (row[STATUS] === 'scored' ? 'large' : '')),
    );
    const { counts, triage } = runJson('alone');
    assert.deepEqual([counts.windowsTriaged, counts.framesSpared, triage], [0, 0, null]);
  });

  it('is simulated from the scores of both models, stored by runs of their own', async () => {
    await predict('small', '--model', 'small');
    const truth = path('truth.tsv');
    writeFileSync(
      truth,
      `contig\ttruth\n${Array.from({ length: 20 }, (_, index) => `record_${index}\tvirus\n`).join('')}`,
    );
    const script = join(repositoryRoot, 'bench', 'triage', 'triage.mjs');
    const more = ['--others-below', '0.05', '--virus-at-least', '0.93', '--truth', truth, '--out', path('bench')];
    const args = [script, '--small', path('small'), '--large', path('alone', 'windows.tsv'), '--name', 'both', ...more];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const [name] = readdirSync(path('bench')).filter((file) => file.endsWith('-both.json'));
    const { simulated, wrong, counts } = JSON.parse(content('bench', name!)) as SimulatedTriage;
    const callsOf = (run: string, table: string, column: number): string[] =>
      rowsOf(path(run, table)).map((row) => row[column]!);
    const differ = (table: string, column: number): number => {
      const before = callsOf('alone', table, column);
      return callsOf('undisturbed', table, column).filter((call, index) => call !== before[index]).length;
    };
    const sum = ({ toVirus, toOther, otherwise }: SimulatedChanges): number => toVirus + toOther + otherwise;
    const [result] = simulated;
    const { counts: triaged } = runJson('undisturbed');
    assert.deepEqual(
      [result!.windowsSpared, result!.framesSpared, sum(result!.windows), sum(result!.contigs)],
      [triaged.windowsTriaged, triaged.framesSpared, differ('windows.tsv', CALL), differ('contigs.tsv', VERDICT)],
    );
    assert.ok(sum(result!.windows) > 0 && counts.windows === 61);
    const wrongOf = (run: string): number =>
      callsOf(run, 'contigs.tsv', VERDICT)
        .slice(0, 20)
        .filter((verdict) => verdict === 'other').length;
    assert.deepEqual(
      [wrong.large.contigs, wrong.small.contigs, result!.wrong.contigs],
      ['alone', 'small', 'undisturbed'].map(wrongOf),
    );
  });

  it('warns of random weights of either model', async () => {
    const more = ['--model', 'golden', '--triage', 'large'];
    const rule = ['--triage-others-below', '0.5', '--triage-virus-at-least', '0.5'];
    const { errors } = await predict('random-triage', ...more, ...rule);
    assert.match(errors, /triage: large decides windows with a virus score below 0\.5 or at least 0\.5/);
    assert.match(errors, /large: random weights/);
    assert.match(content('random-triage', 'contigs.tsv'), /^#.*random weights/);
    assert.deepEqual(runJson('random-triage').warnings, ['random weights: not a prediction']);
    await succeeds(['call', path('random-triage'), '--threshold', '0.7']);
    assert.match(content('random-triage', 'contigs.tsv'), /^#.*random weights/);
  });

  it('killed in the middle is gone on with, whether or not triage is asked for again', async () => {
    const journal = path('killed', '.journal');
    const { end } = await virnucpro(args('killed', ['--triage', 'small']), {
      models: installed.models,
      watch: (_errors, child) => {
        const timer = setInterval(() => {
          if ((statSync(journal, { throwIfNoEntry: false })?.size ?? 0) > 4000) child.kill('SIGKILL');
        }, 2);
        child.on('close', () => clearInterval(timer));
      },
    });
    assert.equal(end, 'SIGKILL');
    for (const [name, more] of [
      ['again', ['--triage', 'small']],
      ['not again', []],
    ] as const) {
      cpSync(path('killed'), path(name), { recursive: true });
      const { errors } = await predict(name, '--resume', ...more);
      for (const file of FILES) assert.equal(content(name, file), content('undisturbed', file), file);
      assert.match(errors, /resuming an earlier run: .*triage has read \d+ frames/);
      assert.equal(runJson(name).triage?.model.name, 'small');
      const { errors: complete } = await predict(name, '--resume', '--triage', 'small');
      assert.match(complete, /complete results of this run/);
    }
    for (const [message, ...more] of [
      [
        /temperature of triage 1\.5/,
        '--triage',
        'golden',
        '--triage-others-below',
        '0.2',
        '--triage-virus-at-least',
        '0.8',
      ],
      [/score below which triage decides 0\.05, and .* 0\.1/, '--triage', 'small', '--triage-others-below', '0.1'],
    ] as [RegExp, ...string[]][]) {
      await failsWith(message, args('killed', ['--resume', ...more]), { models: installed.models });
    }
    const other = await virnucpro(args('again', ['--resume']), { models: installed.models });
    assert.equal(other.end, 1, 'a run with triage is not the same as one without');
  });

  it('is called anew by its stored scores, and by no other classifier', async () => {
    const rule = ['--threshold', '0.3', '--min-fraction', '0.2'];
    cpSync(path('undisturbed'), path('called'), { recursive: true });
    await succeeds(['call', path('called'), ...rule], { models: path('no models') });
    await predict('wanted', '--triage', 'small', ...rule);
    for (const file of FILES) assert.equal(content('called', file), content('wanted', file), file);
    const call = ['call', path('called'), '--model', 'large'];
    await failsWith(/holds a run with triage by small.*without --triage/, call, { models: installed.models });
  });

  it('is refused with a reason', async () => {
    const refused: [RegExp, ...string[]][] = [
      [/a model other than large/, '--triage', 'large'],
      [/thresholds for windows of 500 bases .* golden, which has none/, '--triage', 'golden'],
      [
        /at most 0\.93 \(the upper threshold\) .* but received 0\.95/,
        '--triage',
        'small',
        '--triage-others-below',
        '0.95',
      ],
      [/a number from 0 to 1/, '--triage', 'small', '--triage-others-below', '1.1'],
      [/--triage-virus-at-least needs --triage <name>/, '--triage-virus-at-least', '0.9'],
      [/--save-embeddings\) cannot be combined with triage/, '--triage', 'small', '--save-embeddings'],
    ];
    for (const [message, ...more] of refused) {
      await failsWith(message, args('refused', more), { models: installed.models });
    }
  });
});
