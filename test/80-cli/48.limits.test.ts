import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { repositoryRoot } from '../repository.js';

const program = join(repositoryRoot, 'bin', 'virnucpro.js');
const input = join(repositoryRoot, 'examples', 'contigs.fa');

describe('virnucpro in a process with little', () => {
  let installed: InstalledModel;
  let folder: string;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-limits-'));
  });
  // Node cannot remove anything whose path is too long.
  afterEach(() => execFileSync('rm', ['-rf', folder]));

  /** Runs a command after some shell lines, which start in the temporary folder. */
  function within(lines: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const script = `set -e; ${lines}; exec "$@"`;
    const env = { ...process.env, VIRNUCPRO_MODELS: installed.models, ...environment };
    const command = [process.execPath, program, ...args];
    const { status, stderr } = spawnSync('bash', ['-c', script, 'bash', ...command], { cwd: folder, env });
    return { status, errors: stderr.toString() };
  }

  const predict = (from = input): string[] => ['predict', from, '-o', join(folder, 'out'), '--device', 'cpu'];

  function refuses(message: RegExp, ended: ReturnType<typeof within>): void {
    assert.match(ended.errors, message);
    assert.doesNotMatch(ended.errors, /internal error|\n {4}at |FATAL/);
    assert.equal(ended.status, 1);
    assert.equal(existsSync(join(folder, 'out')), false);
  }

  const IN_NO_FOLDER = [
    ['that was removed', 'mkdir gone; cd gone; rmdir ../gone'],
    ['whose path is too long', 'for i in {1..22}; do mkdir $(printf "%0200d" 0); cd -P $(printf "%0200d" 0); done'],
  ] as const;
  for (const [what, lines] of IN_NO_FOLDER) {
    it(`refuses a working directory ${what}, which libtorch would end the process in`, () => {
      refuses(
        /The working directory was removed, or its path is too long .*Change to another directory/,
        within(lines, predict()),
      );
    });
  }

  it('refuses fewer open files than it takes to begin', () => {
    const message = /^virnucpro: Expected a limit of at least 128 open files but received 64\. Raise it/;
    refuses(message, within('ulimit -n 64', predict()));
  });

  it('predicts with as few open files as it asks for', () => {
    const { status, errors } = within('ulimit -n 128', [...predict(), '--keep-intermediate', '--save-embeddings']);
    assert.equal(status, 0, errors);
  });

  it('refuses an address space that libtorch would end the process in', () => {
    const message =
      /libtorch needs 1024 MiB of address space, but only \d+ MiB are left of a limit of \d+ MiB \(ulimit -v\)/;
    refuses(message, within('ulimit -v 1700000', predict()));
  });

  it('says that a relative path needs a working directory', () => {
    const { status, errors } = within('mkdir gone; cd gone; rmdir ../gone', ['call', 'results']);
    assert.match(errors, /^virnucpro: results cannot be read: ENOENT/);
    assert.doesNotMatch(errors, /internal error|\n {4}at /);
    assert.equal(status, 1);
  });

  it('needs no working directory for what needs neither it nor libtorch', () => {
    const { status, errors } = within('mkdir gone; cd gone; rmdir ../gone', ['models', 'list']);
    assert.deepEqual([status, errors], [0, '']);
  });
});
