import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';
import { buildProgram } from '../../lib/cli/main.js';
import { packageVersion } from '../../lib/package.js';
import { repositoryRoot } from '../repository.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';

/** The command words of every command. */
function commands(command: Command, args: readonly string[] = []): string[][] {
  return [[...args], ...command.commands.flatMap((inner) => commands(inner, [...args, inner.name()]))];
}

describe('the words of the command line', () => {
  it('say the versions', async () => {
    for (const word of ['--version', '-V']) {
      const { output, errors } = await succeeds([word]);
      assert.match(output, new RegExp(`^virnucpro ${packageVersion.replaceAll('.', '\\.')}\nlibtorch \\d+\\.\\d+`));
      assert.equal(errors, '');
    }
  });

  const all = commands(buildProgram());
  it('include every command', () => {
    assert.deepEqual(all.map((args) => args.join(' ')).sort(), [
      ...[
        '',
        'bench',
        'call',
        'devices',
        'doctor',
        'embed',
        'models',
        'models import',
        'models inspect',
        'models list',
      ],
      ...['models random', 'models remove', 'models trust', 'predict', 'setup'],
    ]);
  });
  for (const args of all) {
    it(`have help: ${['virnucpro', ...args].join(' ')}`, async () => {
      const { output, errors } = await succeeds([...args, '--help']);
      assert.ok(output.startsWith(`Usage: ${['virnucpro', ...args].join(' ')} `), output);
      assert.match(output, /-h, --help/);
      assert.equal(errors, '');
      if (args.length === 1) assert.equal((await succeeds(['help', ...args])).output, output);
    });
  }

  it('without a command are answered with the help', async () => {
    for (const args of [[], ['models']]) {
      const { end, errors, output } = await virnucpro(args);
      assert.equal(end, 1);
      assert.match(errors + output, /Usage: virnucpro/);
      assert.doesNotMatch(errors, /outputHelp/);
    }
  });

  it('may be answered into a pipe that is closed early', () => {
    const bin = join(repositoryRoot, 'bin', 'virnucpro.js');
    const command = `set -o pipefail; "${process.execPath}" "${bin}" help predict | true`;
    const { status, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
  });

  const wrong: [RegExp, string[]][] = [
    [/unknown command 'nonsense'/, ['nonsense']],
    [/unknown command 'nonsense'/, ['models', 'nonsense']],
    [/unknown option '--nonsense'/, ['--nonsense']],
    [/unknown option '--nonsense'/, ['predict', 'x.fa', '-o', 'out', '--nonsense']],
    [/required option '-o, --output <dir>' not specified/, ['predict', 'x.fa']],
    [/argument missing/, ['predict', 'x.fa', '-o']],
    ...['predict', 'call'].flatMap((command): [RegExp, string[]][] => [
      [/argument '-' is invalid\. Expected a directory, .* several files\. Write \.\/- for/, [command, 'x', '-o', '-']],
      [/argument '' is invalid\. Expected a directory, .* several files\. Give its name/, [command, 'x', '-o', '']],
    ]),
    [/missing required argument 'input'/, ['predict', '-o', 'out']],
    [
      /'--threshold <score>' argument '2' is invalid\. Expected a number from 0 to 1/,
      ['predict', 'x', '--threshold', '2'],
    ],
    [/'--threshold <score>' argument 'half' is invalid/, ['predict', 'x', '--threshold', 'half']],
    [/'--min-fraction <fraction>' argument '-1' is invalid/, ['predict', 'x', '--min-fraction', '-1']],
    [/'-t, --threads <n>' argument '0' is invalid/, ['predict', 'x', '--threads', '0']],
    [/argument '1e3' is invalid/, ['predict', 'x', '--esm-batch-size', '1e3']],
    [/argument '-5' is invalid/, ['predict', 'x', '--dnabert-batch-size', '-5']],
    [/argument 'soon' is invalid/, ['predict', 'x', '--progress-interval', 'soon']],
    [/argument 'fp64' is invalid\. Allowed choices are auto, fp32/, ['predict', 'x', '-p', 'fp64']],
    [/argument 'onnx' is invalid/, ['predict', 'x', '--engine', 'onnx']],
    [/argument 'xml' is invalid/, ['predict', 'x', '--log-format', 'xml']],
    [/missing required argument 'name'/, ['models', 'remove']],
    [/too many arguments/, ['models', 'remove', 'one', 'two']],
    [/required option '--name <name>' not specified/, ['models', 'random', '--esm', 'esm2_tiny']],
    [/argument 'esm9' is invalid/, ['models', 'random', '--name', 'x', '--esm', 'esm9']],
    [/argument '2\.5' is invalid/, ['models', 'random', '--name', 'x', '--chunk-size', '2.5']],
  ];
  for (const [message, args] of wrong) {
    it(`that are wrong are answered with one line: ${args.join(' ')}`, () => failsWith(message, args));
  }
});
