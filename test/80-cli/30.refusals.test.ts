import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');

describe('virnucpro predict refuses in one line', () => {
  let installed: InstalledModel;
  let folder: string;
  let output: string;

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    output = join(folder, 'output');
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => assert.ok(!readdirSync(folder).includes('output'), 'nothing may be left of a run that was refused'));

  const refuses = (message: RegExp, inputs: string[], ...args: string[]): Promise<void> =>
    failsWith(message, ['predict', ...inputs, '-o', output, ...args], { models: installed.models });
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it('an input that does not exist', () =>
    refuses(/no such\.fa .*nothing exists at that path/, [join(folder, 'no such.fa')]));
  it('an input that cannot be read', () => refuses(/Input .*x\.fa/, [join(file('file.txt', ''), 'x.fa')]));
  it('one such input among others', () => refuses(/nothing exists at that path/, [INPUT, join(folder, 'no such.fa')]));
  it('a binary input', () => refuses(/binary data/, [file('binary.fa', Uint8Array.of(0, 1, 2, 255, 0, 7))]));
  it('an input that is no FASTA', () => refuses(/is neither FASTA/, [file('text.fa', 'hello\nthere\n')]));
  it('a directory without sequences', () => {
    mkdirSync(join(folder, 'directory'));
    return refuses(/has no file that ends in \.fa/, [join(folder, 'directory')]);
  });
  it('standard input that is no FASTA', async () => {
    const { end, errors } = await virnucpro(['predict', '-', '-o', output], {
      models: installed.models,
      input: 'hello\n',
    });
    assert.equal(end, 1);
    const last = errors.trimEnd().split('\n').at(-1)!;
    assert.match(last, /^virnucpro: Standard input is neither FASTA/);
    assert.doesNotMatch(errors, /\n {4}at /);
  });

  it('a model that is not installed', () =>
    refuses(
      /The model nonsense is not installed in .*; available: golden(, virnucpro-mini)?\. Import the published weights/,
      [INPUT],
      '-m',
      'nonsense',
    ));
  it('a model that no name can be', () => refuses(/name of a model .*"\.\.\/golden"/, [INPUT], '-m', '../golden'));
  it('to choose among several models', async () => {
    const random = ['models', 'random', '--name', 'tiny', '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny'];
    await succeeds(random, { models: installed.models });
    await refuses(/available: golden, tiny(, virnucpro-mini)?\. Say which one to use/, [INPUT]);
    await succeeds(['models', 'remove', 'tiny'], { models: installed.models });
  });
  it('a GPU that there is not, before anything is loaded', () =>
    refuses(/Expected one of cpu.* for a device but received cuda:97/, [INPUT], '--gpus', '97,98'));
  it('a device that there is not', () => refuses(/received cuda:97/, [INPUT], '--device', 'cuda:97'));
  it('GPUs that are no numbers', () => refuses(/comma-separated GPU numbers/, [INPUT], '--gpus', '0,cuda:1'));
  it('GPUs and a device at once', () => refuses(/cannot be used with/, [INPUT], '--gpus', '0', '--device', 'cpu'));
  it('more workers than make sense', () => refuses(/whole number from 1 to 64/, [INPUT], '--workers', '1000'));
  it('a size that is none', () => refuses(/a memory size such as 8G/, [INPUT], '--max-memory', 'much'));
  it('a damaged model', async () => {
    const path = installed.model.protein.path;
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, 1000));
    await refuses(/protein\/model\.pt/, [INPUT]);
    writeFileSync(path, whole);
  });

  it('a directory that is not empty', async () => {
    const full = join(folder, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'mine.txt'), 'mine');
    await failsWith(/full is not empty: it holds mine\.txt\..*--force/, ['predict', INPUT, '-o', full], {
      models: installed.models,
    });
    assert.deepEqual(readdirSync(full), ['mine.txt']);
  });
  it('a file for a directory', async () => {
    const path = file('result', 'mine');
    await failsWith(/The output .* is a file, not a directory/, ['predict', INPUT, '-o', path], {
      models: installed.models,
    });
    await failsWith(/result/, ['predict', INPUT, '-o', join(path, 'below')], { models: installed.models });
    assert.equal(readFileSync(path, 'utf8'), 'mine');
  });

  it('a device that does not exist, before any work', async () => {
    const args = ['predict', INPUT, '-o', output, '--device', 'cuda:99', '--log-level', 'error'];
    await failsWith(/Expected one of cpu.* for a device but received cuda:99/, args, { models: installed.models });
  });

  it('as JSON when the log is', async () => {
    const args = ['predict', join(folder, 'no such.fa'), '-o', output, '--log-format', 'json'];
    const { end, errors } = await virnucpro(args, { models: installed.models });
    assert.equal(end, 1);
    const { level, event, code, msg } = JSON.parse(errors) as Record<string, string>;
    assert.deepEqual([level, event, code], ['error', 'failed', 'VNP_INPUT_MISSING']);
    assert.match(msg!, /nothing exists at that path/);
  });
});
