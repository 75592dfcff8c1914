import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ListedModel } from '../../lib/models.js';
import { fixture } from '../repository.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';

const SOURCES = {
  '--esm': fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
  '--dna': fixture('golden', 'dnabert'),
  '--classifier': fixture('golden', 'classifier.pth'),
};

describe('virnucpro models', () => {
  let models: string;
  beforeEach(() => {
    models = mkdtempSync(join(tmpdir(), 'virnucpro-models-'));
  });
  afterEach(() => rmSync(models, { recursive: true }));

  const importArgs = (name: string, changes: Partial<typeof SOURCES> = {}): string[] => [
    ...['models', 'import', '--name', name, '--chunk-size', '300'],
    ...Object.entries({ ...SOURCES, ...changes }).flat(),
  ];
  const random = (name: string, ...args: string[]): string[] => [
    ...['models', 'random', '--name', name, '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny', ...args],
  ];
  const listed = async (): Promise<ListedModel[]> => {
    const all = JSON.parse((await succeeds(['models', 'list', '--json'], { models })).output) as ListedModel[];
    return all.filter(({ shipped }) => !shipped);
  };

  it('imports, lists, inspects and removes a model', async () => {
    const { output } = await succeeds(importArgs('golden'), { models });
    assert.equal(output, `installed golden in ${join(models, 'golden')}\n`);
    const [entry, ...more] = await listed();
    assert.deepEqual([entry!.name, entry!.model!.chunkSize, entry!.model!.random, more], ['golden', 300, false, []]);
    assert.match((await succeeds(['models', 'list'], { models })).output, /^golden\twindows of 300\t.*\tinstalled\n/);
    const shown = (await succeeds(['models', 'inspect', 'golden'], { models })).output;
    assert.match(shown, /name {8}golden\n/);
    assert.match(shown, /made from {3}esm2_t3_tiny\.pt, sha256 [0-9a-f]{64}/);
    const inspected: unknown = JSON.parse((await succeeds(['models', 'inspect', '--json'], { models })).output);
    assert.deepEqual(inspected, entry!.model);
    assert.equal((await succeeds(['models', 'remove', 'golden'], { models })).output, 'removed golden\n');
    assert.deepEqual(readdirSync(models), ['.trusted']);
  });

  it('imports a card and a calibration, and refuses what is none', async () => {
    const write = (name: string, text: string): string => {
      writeFileSync(join(models, name), text);
      return join(models, name);
    };
    const card = write('card.md', '# A card\n');
    const calibration = write('calibration.json', '{"temperature": 1.25}');
    await succeeds([...importArgs('golden'), '--card', card, '--calibration', calibration], { models });
    const [{ model } = {}] = await listed();
    assert.deepEqual([model?.card?.path, model?.temperature], [join(models, 'golden', 'card.md'), 1.25]);
    assert.equal(readFileSync(model!.card!.path, 'utf8'), '# A card\n');
    const { output } = await succeeds(['models', 'list'], { models });
    assert.match(output, /\tinstalled\ttemperature 1\.25\tcard .*golden\/card\.md\n/);
    const wrong = write('wrong.json', '{"temperature": 0}');
    await failsWith(/temperature of .* must be a positive number/, [...importArgs('other'), '--calibration', wrong], {
      models,
    });
    await failsWith(/--card but received .*ENOENT/, [...importArgs('other'), '--card', 'none.md'], { models });
    assert.deepEqual(
      (await listed()).map(({ name }) => name),
      ['golden'],
    );
  });

  it('takes the folder of models from --models too', async () => {
    await succeeds([...random('tiny'), '--models', models]);
    assert.match((await succeeds(['models', 'list', '--models', models])).output, /^tiny\t.*\trandom weights\n/);
  });

  it('makes the same random weights of the same seed, and replaces a model with --force', async () => {
    await succeeds(random('one', '--seed', '5'), { models });
    await succeeds(random('two', '--seed', '5'), { models });
    const parts = async (): Promise<(readonly string[])[]> =>
      (await listed()).map(({ model }) => model!.parts.map(({ sha256 }) => sha256));
    const [one, two] = await parts();
    assert.deepEqual(one, two);
    await failsWith(/The model one already exists/, random('one', '--seed', '6'), { models });
    await succeeds(random('one', '--seed', '6', '--force'), { models });
    assert.notDeepEqual((await parts())[0], one);
  });

  it('makes models of one language model, which make no predictions', async () => {
    const alone = ['models', 'import', '--name', 'esm2', '--esm', fixture('golden', 'esm2', 'esm2_t3_tiny.pt')];
    await succeeds(alone, { models });
    const dna = ['models', 'random', '--name', 'dna', '--dna', 'dnabert_tiny', '--no-classifier'];
    const { output } = await succeeds(dna, { models });
    assert.match(output, /its embeddings are meaningless/);
    assert.match((await succeeds(['models', 'list'], { models })).output, /^esm2\tembeddings only\tesm2 [\d.]+M\t/m);
    assert.match(
      (await succeeds(['models', 'inspect', 'dna'], { models })).output,
      /^windows {5}none: embeddings only$/m,
    );
    const predict = ['predict', fixture('golden', 'end_to_end', 'input.fa'), '-o', join(models, 'results')];
    await failsWith(/The model esm2 has no classifier/, [...predict, '--model', 'esm2'], { models });
    await failsWith(/Expected a classifier for a model with a chunk size/, [...alone, '--chunk-size', '500'], {
      models,
    });
    await failsWith(/Expected at least one language model/, ['models', 'import', '--name', 'none'], { models });
  });

  it('shows a damaged model for what it is', async () => {
    await succeeds(random('tiny'), { models });
    writeFileSync(join(models, 'tiny', 'dna', 'model.pt'), 'damaged');
    const { end, output } = await virnucpro(['models', 'list'], { models });
    assert.equal(end, 1);
    assert.match(output, /^tiny\tdamaged: .*dna\/model\.pt/);
    await failsWith(/dna\/model\.pt/, ['models', 'inspect'], { models });
    await succeeds(['models', 'remove', 'tiny'], { models });
    assert.deepEqual(readdirSync(models), ['.trusted']);
  });

  it('refuses names and models that there are not', async () => {
    await failsWith(/name of a model .*"\.\.\/tiny"/, random('../tiny'), { models });
    await failsWith(/The model nonsense is not installed in .*;/, ['models', 'remove', 'nonsense'], { models });
    assert.deepEqual(readdirSync(models), []);
  });

  describe('that were made elsewhere', () => {
    let copies: string;
    const predicts = (name: string): string[] => [
      ...['predict', fixture('golden', 'end_to_end', 'input.fa'), '--device', 'cpu', '--threads', '1'],
      ...['-o', join(copies, 'output'), '--model', name],
    ];
    beforeEach(async () => {
      copies = mkdtempSync(join(tmpdir(), 'virnucpro-copies-'));
      await succeeds(random('tiny'), { models });
      cpSync(join(models, 'tiny'), join(copies, 'tiny'), { recursive: true });
    });
    afterEach(() => rmSync(copies, { recursive: true }));

    it('are refused before anything is loaded, and nothing is left', async () => {
      // Whatever needs libtorch would report that there is none.
      const environment = { LIBTORCH: join(copies, 'none') };
      const args = /The model tiny in .* was not made here .*: it came from elsewhere\./;
      await failsWith(args, predicts('tiny'), { models: copies, environment });
      await failsWith(args, ['bench', '--dna', '--model', 'tiny'], { models: copies, environment });
      assert.deepEqual(readdirSync(copies), ['tiny']);
      await failsWith(/libtorch/, [...predicts('tiny'), '--log-level', 'error'], { models, environment });
    });

    it('are opened once with --trust, and from then on after models trust', async () => {
      await succeeds([...predicts('tiny'), '--trust'], { models: copies });
      await succeeds(['bench', '--dna', '--model', 'tiny', '--trust', '--limit', '1', '--repeats', '1'], {
        models: copies,
      });
      await failsWith(/came from elsewhere/, [...predicts('tiny'), '--force'], { models: copies });
      const { output } = await succeeds(['models', 'trust', 'tiny'], { models: copies });
      assert.match(output, /^trusted tiny, sha256 of its pipeline\.json [0-9a-f]{64}\n$/);
      await succeeds([...predicts('tiny'), '--force'], { models: copies });
    });

    it('are listed and inspected for what they are', async () => {
      assert.match((await succeeds(['models', 'list'], { models: copies })).output, /\tnot trusted\n/);
      assert.match(
        (await succeeds(['models', 'inspect'], { models: copies })).output,
        /\ntrusted {5}no: not made here/,
      );
      assert.doesNotMatch((await succeeds(['models', 'list'], { models })).output, /trusted/);
      assert.match((await succeeds(['models', 'inspect'], { models })).output, /\ntrusted {5}yes\n/);
      assert.deepEqual(readdirSync(copies), ['tiny']);
    });
  });

  it('are refused when one byte of an archive is another, trusted or not', async () => {
    await succeeds(random('tiny'), { models });
    const path = join(models, 'tiny', 'protein', 'model.pt');
    const { atime, mtime } = statSync(path);
    const bytes = readFileSync(path);
    // In the middle of the weights: the archive opens, but computes something else.
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
    const output = join(models, 'output');
    const args = ['predict', fixture('golden', 'end_to_end', 'input.fa'), '--device', 'cpu', '-o', output];
    const run = async (...more: string[]): Promise<void> => {
      const { end, errors } = await virnucpro([...args, ...more], { models });
      assert.match(errors, /virnucpro: The SHA-256 of \S+\/tiny\/protein\/model\.pt is [0-9a-f]{64} instead of/);
      assert.equal(end, 1);
      assert.ok(!existsSync(output));
    };
    await run();
    await run('--trust');
    await failsWith(/tiny\/protein\/model\.pt/, ['models', 'trust', 'tiny'], { models });
    await failsWith(/tiny\/protein\/model\.pt/, ['bench', '--esm', '--model', 'tiny'], { models });
  });

  it('are used without a change of their folder, which may be read-only', async () => {
    await succeeds(random('tiny'), { models });
    const state = (): string[] =>
      ['.', ...readdirSync(models, { recursive: true, encoding: 'utf8' })].map(
        (name) => `${name} ${statSync(join(models, name), { bigint: true }).ctimeNs}`,
      );
    const before = state();
    const output = mkdtempSync(join(tmpdir(), 'virnucpro-output-'));
    await succeeds(['predict', fixture('golden', 'end_to_end', 'input.fa'), '--device', 'cpu', '-o', output], {
      models,
    });
    rmSync(output, { recursive: true });
    assert.deepEqual(state(), before);
  });

  const wrong: [string, RegExp, Partial<typeof SOURCES>][] = [
    ['a checkpoint that does not exist', /no such\.pt/, { '--esm': join(tmpdir(), 'no such.pt') }],
    ['another kind of checkpoint', /classifier\.pth/, { '--esm': SOURCES['--classifier'] }],
    ['the folder of another model', /./, { '--dna': fixture('golden', 'esm2', 'hf') }],
    ['what is no checkpoint', /input\.fa/, { '--classifier': fixture('golden', 'end_to_end', 'input.fa') }],
  ];
  for (const [what, message, changes] of wrong) {
    it(`refuses to import ${what}, and leaves nothing`, async () => {
      const { end, output, errors } = await virnucpro(importArgs('golden', changes), { models });
      const lines = errors.trimEnd().split('\n');
      assert.match(lines.at(-1)!, /^virnucpro: /);
      assert.match(lines.at(-1)!, message);
      assert.ok(
        lines.slice(0, -1).every((line) => /^(reading|writing|checking) the \w+ part$/.test(line)),
        errors,
      );
      assert.deepEqual([end, output], [1, '']);
      assert.deepEqual(readdirSync(models), []);
    });
  }
});
