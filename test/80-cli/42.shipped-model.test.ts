import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Check } from '../../lib/diagnostics.js';
import type { InspectedModel, ListedModel } from '../../lib/models.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { calibrated } from '../../lib/scoring/frame-scores.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';
import { copyProgram, shipGoldenModel } from './program-copy.js';

const NAME = 'virnucpro-mini';
const TEMPERATURE = 1.5;
const CARD = '# A model for tests\n';
const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--no-progress'];
/** Matrix products of other sizes sum in another order. */
const ROUNDING = 1e-6;

/** As the files print it: the shortest text that reads back as the same float32. */
const float32 = (text: string): number => Math.fround(Number(text));

/** Folders of a suite: the program, models and results. */
function folders() {
  const found = { root: '', program: '', models: '' };
  before(() => {
    found.root = mkdtempSync(join(tmpdir(), 'virnucpro-shipped-'));
    found.program = copyProgram(join(found.root, 'a program'));
    found.models = join(found.root, 'models');
  });
  after(() => rmSync(found.root, { recursive: true }));
  return found;
}

describe('a program without a model of its own', () => {
  const found = folders();

  it('lists nothing where nothing is, not even the folder', async () => {
    assert.match((await succeeds(['models', 'list'], found)).output, /^no model is installed/);
    assert.equal((await succeeds(['models', 'list', '--json'], found)).output, '[]\n');
    assert.ok(!existsSync(found.models));
  });

  it('refuses what needs a model, and says how to get one', async () => {
    const output = join(found.root, 'none');
    await failsWith(
      /No model is installed in .*\. Import the published weights/,
      ['predict', INPUT, '-o', output],
      found,
    );
    await failsWith(/No model is installed in .*\. Import/, ['models', 'inspect'], found);
    await failsWith(
      /The model nonsense is not installed in .*; none is installed/,
      ['models', 'remove', 'nonsense'],
      found,
    );
    assert.ok(!existsSync(output));
  });
});

describe('the model that comes with the program', () => {
  const found = folders();
  let installed: InstalledModel;
  let place: string;
  let card: string;

  before(async () => {
    const write = (name: string, text: string): string => {
      writeFileSync(join(found.root, name), text);
      return join(found.root, name);
    };
    place = await shipGoldenModel(found.program, NAME, {
      card: write('about.md', CARD),
      calibration: write(
        'calibration.json',
        JSON.stringify({
          temperature: TEMPERATURE,
          triage: [{ chunkSize: 500, othersBelow: 0.1, virusAtLeast: 0.9 }],
        }),
      ),
    });
    card = join(place, 'card.md');
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  const path = (...names: string[]): string => join(found.root, ...names);
  const predict = (name: string, args: readonly string[] = [], models = found.models) =>
    succeeds(['predict', INPUT, '-o', path(name), ...EXACT, ...args], { ...found, models });
  const runJson = (name: string): RunManifest =>
    JSON.parse(readFileSync(path(name, 'run.json'), 'utf8')) as RunManifest;
  const comments = (name: string): string[] =>
    ['contigs.tsv', 'windows.tsv'].map((file) => readFileSync(path(name, file), 'utf8').split('\n')[0]!);
  const scores = (name: string): [others: number, virus: number][] =>
    readFileSync(path(name, 'prediction_results.txt'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t').slice(2).map(float32) as [number, number]);

  it('is taken where none is installed and none is named, which is said once', async () => {
    const { errors } = await predict('taken');
    const [first, ...others] = errors.split('\n').filter((line) => line.includes('came with this program'));
    assert.match(first!, /WARN.*: no model is installed: using virnucpro-mini, .*small.*models import --help/);
    assert.ok(first!.includes(card) && others.length === 0, errors);
  });

  it('is named with its card by the results, the log and the screen', async () => {
    const { errors } = await predict('named', ['--log-format', 'json']);
    const events = errors
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const of = (name: string): Record<string, unknown>[] => events.filter(({ event }) => event === name);
    assert.deepEqual(
      of('shipped-model').map(({ model, card }) => [model, card]),
      [[NAME, card]],
    );
    assert.deepEqual([of('finished')[0]!['model'], of('finished')[0]!['card']], [NAME, card]);
    const { model, parameters } = runJson('named');
    assert.deepEqual([model.name, model.shipped, model.card, parameters.temperature], [NAME, true, card, TEMPERATURE]);
    const link = `card=${card.replaceAll(' ', '%20')}`;
    for (const comment of comments('named')) {
      assert.ok(
        comment.includes(` model=${NAME} `) && comment.includes(` temperature=${TEMPERATURE} ${link}`),
        comment,
      );
    }
    const log = readFileSync(path('named', 'run.log'), 'utf8');
    assert.ok(log.includes(`model ${NAME} (${card}); results in `), log);
  });

  it('is taken by programs alike, and told as an event', () => {
    const library = path('a program', 'dist', 'lib', 'index.js');
    const options = `{ models: ${JSON.stringify(found.models)}, devices: 'cpu', threads: 1, onEvent }`;
    writeFileSync(
      path('program.mjs'),
      `import { open } from ${JSON.stringify(library)};
      const onEvent = ({ event, model, card }) => event === 'shipped-model' && console.log(model, card);
      const predictor = await open(${options});
      console.log(predictor.model.shipped, predictor.model.temperature);
      await predictor.close();`,
    );
    const output = execFileSync(process.execPath, [path('program.mjs')], { encoding: 'utf8' });
    assert.equal(output, `${NAME} ${card}\ntrue ${TEMPERATURE}\n`);
  });

  it('is used without a word when it is named', async () => {
    const { errors } = await predict('by name', ['--model', NAME]);
    assert.doesNotMatch(errors, /WARN/);
    assert.equal(runJson('by name').model.name, NAME);
  });

  it('is not used where another one is installed', async () => {
    const { errors } = await predict('installed', [], installed.models);
    assert.doesNotMatch(errors, /WARN/);
    const { model, parameters } = runJson('installed');
    assert.deepEqual([model.name, model.shipped, model.card, parameters.temperature], ['golden', false, null, 1]);
    for (const comment of comments('installed')) assert.doesNotMatch(comment, /temperature|card/);
  });

  it('has calibrated scores, also in the classic file, unless they are not wanted', async () => {
    await predict('calibrated');
    await predict('raw', ['--no-calibration']);
    const raw = scores('raw');
    assert.deepEqual(
      scores('calibrated'),
      raw.map(([others, virus]) => [...calibrated(others, virus, TEMPERATURE)]),
    );
    // It is the golden model under another name.
    await predict('golden', [], installed.models);
    assert.deepEqual(raw, scores('golden'));
    assert.equal(runJson('raw').parameters.temperature, 1);
    for (const comment of comments('raw')) assert.doesNotMatch(comment, /temperature/);
  });

  it('has nothing left to do by --resume when it is complete, if the scores are those that are asked for', async () => {
    await predict('complete');
    const again = await predict('complete', ['--resume']);
    assert.match(again.errors, /complete results of this run: nothing to do/);
    const args = ['predict', INPUT, '-o', path('complete'), ...EXACT, '--resume', '--no-calibration'];
    const { end, errors } = await virnucpro(args, found);
    assert.equal(end, 1);
    assert.match(errors, /holds the results of other inputs, another model or other options/);
  });

  it('calls the embeddings of a run with calibrated scores, unless they are not wanted', async () => {
    await predict('embedded', ['--save-embeddings', '--no-calibration']);
    for (const [args, wanted] of [
      [[], 'calibrated'],
      [['--no-calibration'], 'raw'],
    ] as const) {
      const output = path(`called ${wanted}`);
      const options = ['-o', output, '--model', NAME, '--threads', '1', ...args];
      await succeeds(['call', path('embedded'), ...options], found);
      assert.deepEqual(comments(`called ${wanted}`), comments(wanted));
      const run = runJson(`called ${wanted}`);
      assert.deepEqual(
        [run.model, run.parameters.temperature],
        [runJson(wanted).model, runJson(wanted).parameters.temperature],
      );
      const windows = (name: string): number[] =>
        readFileSync(path(name, 'windows.tsv'), 'utf8')
          .trimEnd()
          .split('\n')
          .slice(2)
          .map((line) => Number(line.split('\t')[6]));
      const [got, expected] = [windows(`called ${wanted}`), windows(wanted)];
      expected.forEach((score, at) => assert.ok(Math.abs(got[at]! - score) <= ROUNDING, `${got[at]} for ${score}`));
    }
    const args = ['call', path('embedded'), '--no-calibration'];
    await failsWith(/--model <name> for --no-calibration but/, args, found);
  });

  it('is listed and inspected for what it is', async () => {
    const { output } = await succeeds(['models', 'list'], found);
    assert.match(output, /^virnucpro-mini\twindows of 500\t.*\tshipped\ttemperature 1\.5\tcard \//);
    assert.ok(output.endsWith(`card ${card}\n`));
    const listed = JSON.parse((await succeeds(['models', 'list', '--json'], found)).output) as ListedModel[];
    assert.deepEqual(
      listed.map(({ name, shipped, model }) => [name, shipped, model?.trusted]),
      [[NAME, true, true]],
    );
    const shown = (await succeeds(['models', 'inspect'], found)).output;
    assert.match(shown, /\norigin {6}shipped: came with this program\n/);
    assert.match(shown, /\ncalibrated {2}with the temperature 1\.5\n/);
    assert.match(shown, /\ntriage {6}windows of 500: sure below 0\.1 and at or above 0\.9\n/);
    assert.ok(shown.includes(`\ncard        ${card}\n`));
    const model = JSON.parse((await succeeds(['models', 'inspect', NAME, '--json'], found)).output) as InspectedModel;
    assert.deepEqual([model.shipped, model.card?.path, model.temperature], [true, card, TEMPERATURE]);
  });

  it('is neither removed nor overwritten', async () => {
    await failsWith(/The model virnucpro-mini came with this program/, ['models', 'remove', NAME], found);
    const models = path('own models');
    const random = ['models', 'random', '--name', NAME, '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    await succeeds(random, { ...found, models });
    const list = async () => (await succeeds(['models', 'list'], { ...found, models })).output;
    assert.match(await list(), /^virnucpro-mini\t.*\tinstalled\trandom weights\n$/);
    await succeeds(['models', 'remove', NAME], { ...found, models });
    assert.match(await list(), /^virnucpro-mini\t.*\tshipped\t/);
  });

  it('is measured by name, and counts for doctor', async () => {
    const args = [
      'bench',
      '--dna',
      '--model',
      NAME,
      '--limit',
      '1',
      '--repeats',
      '1',
      '--device',
      'cpu',
      '--precision',
      'fp32',
    ];
    assert.ok((await succeeds(args, found)).output.startsWith(`${NAME} (${card}), FP32, `));
    const { output } = await virnucpro(['doctor', '--json'], found);
    const { checks } = JSON.parse(output) as { checks: Check[] };
    const models = checks.find(({ name }) => name === 'models')!;
    assert.equal(models.status, 'ok');
    assert.match(models.found, /^none in .*; virnucpro-mini, which came with virnucpro, is used$/);
    assert.match(models.details[0]!, /^virnucpro-mini: windows of 500 bases, .* MiB, came with virnucpro$/);
  });

  it('is refused when one byte of it is another', async () => {
    const archive = join(place, 'protein', 'model.pt');
    const whole = readFileSync(archive);
    const changed = Buffer.from(whole);
    changed[Math.floor(changed.length / 2)]! ^= 1;
    writeFileSync(archive, changed);
    const { end, errors } = await virnucpro(['predict', INPUT, '-o', path('changed'), ...EXACT], found);
    writeFileSync(archive, whole);
    assert.equal(end, 1);
    assert.match(errors, /The SHA-256 of .*protein\/model\.pt is [0-9a-f]{64} instead of/);
    assert.ok(!existsSync(path('changed')));
  });
});
